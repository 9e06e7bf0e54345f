/** The files of an image as a source of copies, read through a container of it that does not run. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { attempt, type ImageProblem, problem } from "../base/ImageProblem.ts"
import type { ByteSource } from "../base/ByteSource.ts"
import * as Cooperate from "../host/Cooperate.ts"
import { readManifest, Refused } from "../host/ReadTree.ts"
import { SourceError, type SourceTree } from "../SourceTree.ts"
import { ContainerView, Unreachable } from "./ContainerView.ts"
import type { EngineCalls } from "./EngineCalls.ts"
import * as Specials from "./Specials.ts"
import * as TreeIndex from "./TreeIndex.ts"

/** What a file of an image may have to be read as a whole. */
const MAX_FILE = 1 << 30

export class DockerSource implements SourceTree {
  readonly locate = Option.none()
  private readonly calls: EngineCalls
  private readonly container: string
  private readonly present: ReadonlySet<string>

  constructor(calls: EngineCalls, container: string, present: ReadonlySet<string>) {
    this.calls = calls
    this.container = container
    this.present = present
  }

  readonly manifest: SourceTree["manifest"] = (src, exclude, preserve) =>
    attempt("cannot read a result", (signal) => this.index(src, signal).catch(explained)).pipe(
      Effect.mapError((problem) => sourceError(src, problem)),
      Effect.flatMap((root) =>
        Cooperate.run(
          () => readManifest(TreeIndex.treeNode(root), src, exclude, preserve),
          (error) =>
            error instanceof Refused
              ? new SourceError({ path: src, message: error.message, hint: error.hint })
              : sourceError(src, error as Error)
        )
      )
    )

  readonly read: SourceTree["read"] = (path) =>
    attempt("cannot read a result", async (signal) => {
      const pieces: Array<Buffer> = []
      let size = 0
      for await (const chunk of this.file(path, signal)) {
        size += chunk.length
        if (size > MAX_FILE) return undefined
        pieces.push(Buffer.from(chunk))
      }
      return Buffer.concat(pieces)
    }).pipe(
      Effect.mapError((problem) => sourceError(path, problem)),
      Effect.flatMap((content) =>
        content === undefined
          ? Either.left(sourceError(path, new Error("it is too large to be read as a whole")))
          : Either.right(content)
      )
    )

  /** A tar of what is at a path, by its components from the root. */
  archive(path: string, signal: AbortSignal): ByteSource {
    return this.calls.archive(this.container, `/${path}`, signal)
  }

  /** The content of one file; nothing where that is something else. */
  async *file(path: string, signal: AbortSignal): ByteSource {
    const { TarStream } = await import("./TarStream.ts")
    yield* TarStream.contents(this.archive(path, signal))
  }

  /** All of the tree that a `src` is about: what is on the way to it, and what is in it. */
  private async index(src: string, signal: AbortSignal): Promise<TreeIndex.IndexNode> {
    const view = new ContainerView(this.calls, this.container, this.present, signal)
    const isHidden = (path: string): boolean => Specials.isEngines(this.present, path)
    const root = TreeIndex.newNode("directory")
    const names = src.split("/").filter((name) => name !== "" && name !== ".")
    // A NUL or a `..` is refused without a look.
    if (src.includes("\0") || names.includes("..")) return root
    const whole = async (path: string): Promise<TreeIndex.IndexNode | undefined> =>
      TreeIndex.read(this.archive(path, signal), path === "" ? "" : `/${path}`, isHidden)
    if (names.length === 0) return (await whole("")) ?? root
    let node = root
    for (const [index, name] of names.entries()) {
      const path = names.slice(0, index + 1).join("/")
      const found = await view.look(`/${path}`)
      if (found === undefined) return root
      const isLast = index === names.length - 1
      const next = isLast ? await whole(path) : TreeIndex.newNode(found.kind)
      if (next === undefined) return root
      node.children.set(name, next)
      if (found.kind !== "directory") return root
      node = next
    }
    return root
  }
}

const explained = (error: unknown): never => {
  throw error instanceof Unreachable ? problem(error.message) : error
}

const sourceError = (path: string, { message, ...rest }: Error | ImageProblem): SourceError =>
  new SourceError({ path, message: `"${path}": ${message}`, hint: "hint" in rest ? rest.hint : Option.none() })
