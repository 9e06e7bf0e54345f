/** The files of an image of Windows as a source of copies: a tar of them, which a program makes in a container of it. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { attempt } from "../base/ImageProblem.ts"
import type { ByteSource } from "../base/ByteSource.ts"
import * as Cooperate from "../host/Cooperate.ts"
import { readManifest, Refused } from "../host/ReadTree.ts"
import { SourceError, type SourceTree } from "../SourceTree.ts"
import * as TreeIndex from "./TreeIndex.ts"
import * as WindowsCommand from "./WindowsCommand.ts"
import * as WindowsConfig from "./WindowsConfig.ts"
import * as WindowsProgram from "./WindowsProgram.ts"
import * as WindowsTools from "./WindowsTools.ts"
import type { Workshop } from "./Workshop.ts"

const ARGUMENTS = [
  ...["-cf", "-", "--format=gnu", "-C", "/cygdrive/c"],
  // Names come by standard input: Cygwin's programs have their own way with quotes and wildcards. Its option is the last one.
  ...["--null", "--verbatim-files-from", "--files-from=-"]
]

/** What tar says of a name that is not there. */
const MISSING = /Cannot stat: No such file or directory/

export class WindowsSource implements SourceTree {
  readonly locate = Option.none()
  private readonly workshop: Workshop
  private readonly image: string
  /** In the names of its containers. */
  private readonly name: string

  constructor(workshop: Workshop, image: string, name: string) {
    this.workshop = workshop
    this.image = image
    this.name = name
  }

  /** Modes and owners are none of Windows' own: none is told. */
  readonly manifest: SourceTree["manifest"] = (given, exclude) => {
    const src = withoutDrive(given)
    return attempt("cannot read a result", (signal) => this.index(src, signal)).pipe(
      Effect.mapError(({ hint, message }) => new SourceError({ path: given, message: `"${given}": ${message}`, hint })),
      Effect.filterOrFail(
        (root) => root !== undefined,
        () =>
          new SourceError({
            path: given,
            message: `"${given}" is all of an image of Windows, which cannot be copied`,
            hint: Option.some("name the files or directories to copy")
          })
      ),
      Effect.flatMap((root) =>
        Cooperate.run(
          () => readManifest(TreeIndex.treeNode(root), src, exclude),
          (error) => {
            const hint = error instanceof Refused ? error.hint : Option.none()
            return new SourceError({ path: given, message: (error as Error).message, hint })
          }
        )
      )
    )
  }

  readonly read: SourceTree["read"] = (path) =>
    attempt("cannot read a result", async (signal) => {
      const pieces: Array<Buffer> = []
      for await (const chunk of this.file(path, signal)) pieces.push(chunk)
      return Buffer.concat(pieces)
    }).pipe(Effect.mapError(({ hint, message }) => new SourceError({ path, message: `"${path}": ${message}`, hint })))

  /** A tar of what is at a path, by its components from the drive's root; names in it begin there too. */
  async *archive(path: string, signal: AbortSignal): ByteSource {
    const mount = await WindowsTools.mount(this.workshop, this.name, signal)
    const config = WindowsConfig.tool(WindowsCommand.plain([WindowsTools.TAR, ...ARGUMENTS]), [mount], true)
    const called = `${this.workshop.objectOf(this.name)}-${this.workshop.newName()}`
    const calls = await this.workshop.calls
    const { clearing } = await import("./Workshop.ts")
    try {
      const container = await calls.createContainer(called, { ...config, Image: this.image }, signal)
      yield* WindowsProgram.tar(calls, container, Buffer.from(`./${path}\0`), signal)
    } finally {
      await calls.removeContainer(called, clearing())
    }
  }

  /** The content of one file; nothing where that is something else. */
  async *file(path: string, signal: AbortSignal): ByteSource {
    const { TarStream } = await import("./TarStream.ts")
    yield* TarStream.contents(this.archive(path, signal))
  }

  /** All of the tree that a `src` is about; nothing where that is everything. */
  private async index(src: string, signal: AbortSignal): Promise<TreeIndex.IndexNode | undefined> {
    const root = TreeIndex.newNode("directory")
    const names = src.split("/").filter((name) => name !== "" && name !== ".")
    // A NUL or a `..` is refused without a look.
    if (src.includes("\0") || names.includes("..")) return root
    if (names.length === 0) return undefined
    let node = root
    for (const name of names.slice(0, -1)) {
      const next = TreeIndex.newNode("directory")
      node.children.set(name, next)
      node = next
    }
    try {
      await TreeIndex.read(this.archive(names.join("/"), signal), "", () => false, root)
    } catch (error) {
      if (!MISSING.test((error as Error).message)) throw error
      return TreeIndex.newNode("directory")
    }
    return root
  }
}

const withoutDrive = (src: string): string => src.replace(/^[Cc]:(?=[\\/]|$)/, "").replaceAll("\\", "/")
