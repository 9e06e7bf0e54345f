/** Looks at the files of a container that does not run, as they are in its image. */
import { posix } from "node:path"
import * as ByteSource from "../base/ByteSource.ts"
import { ImageProblem } from "../base/ImageProblem.ts"
import type { EngineCalls, PathFacts } from "./EngineCalls.ts"
import * as Specials from "./Specials.ts"

/** What a path is. A link's `target` is where it leads in the end, without links. */
export type Looked =
  | { readonly kind: "directory" | "file" | "other" }
  | { readonly kind: "link"; readonly target: string }

/** Links in a loop lead to a path, or something on its way is no directory. */
export class Unreachable extends Error {
  readonly path: string

  constructor(path: string, message: string) {
    super(message)
    this.path = path
  }
}

/** Bits of Go's `os.FileMode`. */
const DIRECTORY = 0x80000000
const LINK = 0x08000000
const NOT_REGULAR = 0x8f280000

export class ContainerView {
  readonly calls: EngineCalls
  readonly container: string
  private readonly present: ReadonlySet<string>
  private readonly signal: AbortSignal
  private readonly seen = new Map<string, Looked | undefined>()

  constructor(calls: EngineCalls, container: string, present: ReadonlySet<string>, signal: AbortSignal) {
    this.calls = calls
    this.container = container
    this.present = present
    this.signal = signal
  }

  /** What is at an absolute path whose directory has no links in it; `undefined` where nothing is. */
  async look(path: string): Promise<Looked | undefined> {
    if (this.seen.has(path)) return this.seen.get(path)
    const found = await this.lookNow(path)
    this.seen.set(path, found)
    return found
  }

  private async lookNow(path: string): Promise<Looked | undefined> {
    if (Specials.isEngines(this.present, path)) return undefined
    try {
      const facts = await this.calls.pathFacts(this.container, path, this.signal)
      return facts === undefined ? undefined : lookedOf(facts)
    } catch (error) {
      throw error instanceof ImageProblem && /too many links/.test(error.message) ? looping(path) : error
    }
  }

  /** Where a path leads in the image, and what is there. The last component too is followed. */
  async resolve(path: string): Promise<{ readonly path: string; readonly found: Looked | undefined }> {
    let at = ""
    let found: Looked | undefined = { kind: "directory" }
    for (const name of path.split("/")) {
      if (name === "" || name === ".") continue
      if (found !== undefined && found.kind !== "directory") {
        throw new Unreachable(at, `${at} is not a directory in the image`)
      }
      if (name === "..") {
        at = posix.dirname(at === "" ? "/" : at).replace(/^\/$/, "")
        found = at === "" ? { kind: "directory" } : await this.look(at)
        continue
      }
      at = `${at}/${name}`
      // What is below nothing is nothing.
      const next: Looked | undefined = found === undefined ? undefined : await this.look(at)
      found = next
      if (next?.kind === "link") {
        at = next.target === "/" ? "" : next.target
        found = at === "" ? { kind: "directory" } : await this.look(at)
        // The engine follows a link to its end, unless there is none.
        if (found?.kind === "link") throw looping(path)
      }
    }
    return { path: at, found }
  }

  /** A small text file of the image; empty where it is missing, too large or no file. */
  async text(path: string, limit: number): Promise<string> {
    const { found, path: at } = await this.resolve(path)
    if (found?.kind !== "file") return ""
    const facts = await this.calls.pathFacts(this.container, at, this.signal)
    if (facts === undefined || facts.size > limit) return ""
    const { TarStream } = await import("./TarStream.ts")
    const content = TarStream.contents(this.calls.archive(this.container, at, this.signal))
    return (await ByteSource.collect(content, limit, at)).toString("utf8")
  }
}

const looping = (path: string): Unreachable =>
  new Unreachable(path, `too many symbolic links lead to ${path} in the image`)

const lookedOf = ({ linkTarget, mode }: PathFacts): Looked => {
  if ((mode & DIRECTORY) !== 0) return { kind: "directory" }
  if ((mode & LINK) !== 0) return { kind: "link", target: linkTarget }
  return { kind: (mode & NOT_REGULAR) === 0 ? "file" : "other" }
}
