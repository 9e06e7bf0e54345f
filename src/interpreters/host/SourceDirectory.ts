/**
 * The source directory of a build.
 *
 * It may belong to somebody whom root must not trust, and change while it is
 * read: every entry is opened relative to its directory's descriptor and never
 * through a link, so that no swap of a directory for a link leads elsewhere. On
 * systems without `/proc` paths have to do, which a swap between two calls can
 * lead astray: there, whoever can write to it can have root read files of his choice.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import { constants } from "node:os"
import type { Digest } from "../../domain/Digest.ts"
import { SourceError, type SourceTree } from "../SourceTree.ts"
import * as Cooperate from "./Cooperate.ts"
import { digestOf, NotAFile } from "./HashFile.ts"
import { HashMemo } from "./HashMemo.ts"
import { type Kind, readNames } from "./LayeredTree.ts"
import { ErrnoError } from "./Libc.ts"
import { OpenTree } from "./OpenTree.ts"
import { hasProc } from "./System.ts"
import { readManifest, Refused, type TreeNode } from "./ReadTree.ts"

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = Fs.constants

/**
 * The directory at `path`, which may be a link to one. Digests are looked up
 * in, and added to, `memo`; to keep them is up to the caller.
 */
export const make = (options: {
  readonly path: string
  readonly memo?: HashMemo
  /** Paths that are left out if they are in the directory: the store's own, which every build changes. */
  readonly without?: string | ReadonlyArray<string> | undefined
}): Effect.Effect<SourceTree, SourceError> => {
  const { path } = options
  const memo = options.memo ?? new HashMemo()
  const { without = [] } = options
  const paths = typeof without === "string" ? [without] : without
  const openRoot = () => open({ memo, without: paths.flatMap((one) => inside(path, one) ?? []) }, path)
  const tree: SourceTree = {
    manifest: (src, exclude, preserve) =>
      Cooperate.run(
        () => readManifest(openRoot(), src, exclude, preserve),
        (error) => sourceError(src, error, path)
      ),
    read: (file) =>
      Effect.try({
        try: () => readFrom(new OpenTree(path), file),
        catch: (error) => sourceError(file, error)
      }),
    locate: Option.some({ open: () => new OpenTree(path) })
  }
  return Effect.try({
    try: () => {
      openRoot().close()
      return tree
    },
    catch: (error) => sourceError(path, error)
  })
}

const readFrom = (files: OpenTree, path: string): Uint8Array => {
  try {
    const fd = files.file(path)
    try {
      if (!Fs.fstatSync(fd).isFile()) throw new NotAFile(path)
      return Fs.readFileSync(fd)
    } finally {
      Fs.closeSync(fd)
    }
  } finally {
    files.close()
  }
}

/** Says in a user's words why a source path cannot be read; of what is below `root`, which part of it. */
const sourceError = (path: string, error: unknown, root?: string): SourceError => {
  if (error instanceof Refused) return new SourceError({ path, message: error.message, hint: error.hint })
  if (error instanceof NotAFile) {
    const message = `"${path}" holds a file that changed into something else while it was being read`
    return new SourceError({ path, message, hint: Option.none() })
  }
  const { code, message, path: at = "" } = error as NodeJS.ErrnoException
  const known = code === undefined ? undefined : REASONS.get(code)
  const part = root !== undefined && at.startsWith(`${root}/`) ? at.slice(root.length + 1) : path
  return new SourceError({ path, message: `"${part}": ${known ?? message}`, hint: Option.none() })
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "there is no such file or directory"],
  ["ENOTDIR", "it is not a directory"],
  ["ELOOP", "too many symbolic links lead to it"],
  ["EMLINK", "a symbolic link has taken its place"],
  ["EACCES", "permission denied"],
  ["EMFILE", "its directories are nested too deep"],
  ["EILSEQ", "its name is not valid UTF-8"]
])

/** What holds for all of a tree. */
interface Whole {
  readonly memo: HashMemo
  /** Paths below the root, as that is written, that are not there for anybody who asks. */
  readonly without: ReadonlyArray<string>
}

/** The path of something that is in a directory, by way of that directory. */
export const inside = (directory: string, path: string | undefined): string | undefined => {
  if (path === undefined) return undefined
  try {
    const [root, real] = [Fs.realpathSync(directory), Fs.realpathSync(path)]
    return real.startsWith(`${root}/`) ? directory + real.slice(root.length) : undefined
  } catch {
    // One of the two is not there.
    return undefined
  }
}

const open = (whole: Whole, path: string): TreeNode => {
  const stats = Fs.statSync(path)
  if (!stats.isDirectory()) throw new ErrnoError(constants.errno.ENOTDIR, "open", path)
  return new HostNode(path, path, stats, whole)
}

/**
 * `path` is the plain path, quick to look at and not to be trusted; whatever is
 * opened or read is reached through `safe`, from descriptor to descriptor.
 */
class HostNode implements TreeNode {
  readonly kind: Kind
  stats: Fs.Stats
  private readonly path: string
  private readonly safe: string
  private readonly whole: Whole
  private fd: number | undefined
  private handle = ""

  constructor(path: string, safe: string, stats: Fs.Stats, whole: Whole) {
    this.path = path
    this.safe = safe
    this.stats = stats
    this.whole = whole
    this.kind = stats.isFile() ? "file" : stats.isDirectory() ? "directory" : stats.isSymbolicLink() ? "link" : "other"
    if (this.kind === "directory") {
      // The root is the user's choice and may be a link; below it, a link has taken a directory's place.
      const flags = O_RDONLY | O_DIRECTORY | (path === safe ? 0 : O_NOFOLLOW)
      this.fd = this.naming(() => Fs.openSync(safe, flags))
      this.handle = hasProc() ? `/proc/self/fd/${this.fd}` : path
    }
  }

  child(name: string): TreeNode | undefined {
    const path = `${this.path}/${name}`
    if (this.whole.without.includes(path)) return undefined
    const stats = Fs.lstatSync(path, { throwIfNoEntry: false })
    return stats === undefined ? undefined : new HostNode(path, `${this.handle}/${name}`, stats, this.whole)
  }

  names(): ReadonlyArray<string> {
    return readNames(this.handle, this.path)
  }

  link(): string {
    return this.naming(() => Fs.readlinkSync(this.safe))
  }

  recall(): Digest | undefined {
    return this.kind === "file" ? this.whole.memo.recall(this.stats) : undefined
  }

  *hash(): Generator<void, Digest, void> {
    try {
      const { digest, stats } = yield* digestOf(this.safe, this.whole.memo)
      this.stats = stats
      return digest
    } catch (error) {
      throw this.named(error)
    }
  }

  private naming<A>(work: () => A): A {
    try {
      return work()
    } catch (error) {
      throw this.named(error)
    }
  }

  /** An error of Node's with the path that a user knows, instead of one through a descriptor. */
  private named(error: unknown): unknown {
    const { errno, syscall = "" } = error as NodeJS.ErrnoException
    return errno === undefined ? error : new ErrnoError(Math.abs(errno), syscall, this.path)
  }

  close(): void {
    if (this.fd === undefined) return
    Fs.closeSync(this.fd)
    this.fd = undefined
  }
}
