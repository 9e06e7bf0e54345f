/**
 * Results as whole trees on any file system. What OBuilder does with the program
 * rsync is done here without it; the modes are OBuilder's.
 */
import * as Fs from "node:fs"
import { type CopyFile, cloneTree, copyContent, join, linkFile } from "../host/CloneTree.ts"
import type { Work } from "../host/Cooperate.ts"
import { contentOf } from "../host/HashFile.ts"
import { listXattr } from "../host/Libc.ts"
import { codeOf } from "../host/IoError.ts"
import { LAYER } from "./local/Layout.ts"
import * as LocalStore from "./LocalStore.ts"
import * as WholeTree from "./local/WholeTree.ts"

/**
 * - `copy`: every result has files of its own.
 * - `hardlink`: a step works on a copy; what it left as it was becomes, when it
 *   ends, another name of its parent's file. Results share files, and no step
 *   ever writes to a file that is shared.
 * - `hardlink_unsafe`: a step works on its parent's files themselves. A step
 *   that writes to a file, instead of replacing it, changes earlier results.
 */
export type Mode = "copy" | "hardlink" | "hardlink_unsafe"

export interface Options extends LocalStore.Options {
  /** `copy`, if it is left out. */
  readonly mode?: Mode
}

const treesOf = (mode: Mode) => {
  const copyFile: CopyFile = mode === "hardlink_unsafe" ? linkFile : copyContent
  return WholeTree.make({
    kind: "rsync",
    extents: false,
    check: () => undefined,
    create: WholeTree.createDirectory,
    clone: (from, to) => cloneTree(from, to, copyFile),
    ...(mode === "hardlink"
      ? {
          finish: (directory: string, parent: string | undefined) =>
            parent === undefined ? undefined : share(Buffer.from(parent), Buffer.from(`${directory}/${LAYER}`))
        }
      : {})
  })
}

/** Makes files of `own` that are those of `parent`, content and all, names of those. */
function* share(parent: Buffer, own: Buffer): Work {
  /** The parent's files that have been given a name here: two names of one would tie together what the step parted. */
  const given = new Set<string>()
  const pending: Array<readonly [Buffer, Buffer]> = [[parent, own]]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [above, below] = next
    const before = Fs.lstatSync(below)
    let changed = false
    for (const name of Fs.readdirSync(below, { encoding: "buffer" })) {
      const [old, fresh] = [join(above, name), join(below, name)]
      const now = Fs.lstatSync(fresh)
      const then = Fs.lstatSync(old, { throwIfNoEntry: false })
      if (then === undefined) continue
      if (now.isDirectory() && then.isDirectory()) pending.push([old, fresh])
      // A file with several names would lose them, one by one.
      else if (now.isFile() && then.isFile() && now.nlink === 1 && sameStatus(now, then)) {
        const { dev, ino } = Fs.lstatSync(old, { bigint: true })
        if (given.has(`${dev}:${ino}`) || !(yield* sameContent(old, fresh))) continue
        given.add(`${dev}:${ino}`)
        changed = replace(old, fresh) || changed
      }
      yield
    }
    if (changed) Fs.utimesSync(below, before.atime, before.mtime)
  }
}

/** Attributes are compared by their names only: their values hardly ever change without the change time of the file. */
const sameStatus = (a: Fs.Stats, b: Fs.Stats): boolean =>
  a.size === b.size && a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.mtimeMs === b.mtimeMs

function* sameContent(one: Buffer, two: Buffer): Generator<void, boolean, void> {
  if (listXattr(one).length > 0 || listXattr(two).length > 0) return false
  const [a, b] = [Fs.openSync(one, FLAGS), Fs.openSync(two, FLAGS)]
  try {
    for (const chunk of contentOf(a)) {
      for (let at = 0; at < chunk.length;) {
        const size = Fs.readSync(b, piece, 0, Math.min(PIECE, chunk.length - at), null)
        if (size === 0 || Buffer.compare(piece.subarray(0, size), chunk.subarray(at, at + size)) !== 0) return false
        at += size
      }
      yield
    }
    return true
  } finally {
    Fs.closeSync(a)
    Fs.closeSync(b)
  }
}

const FLAGS = Fs.constants.O_RDONLY | Fs.constants.O_NOFOLLOW
const PIECE = 1 << 16
/** One for all files: making it anew costs more than reading a small one. Nothing yields while it is in use. */
const piece = Buffer.allocUnsafeSlow(PIECE)

const replace = (old: Buffer, fresh: Buffer): boolean => {
  const temporary = Buffer.concat([fresh, Buffer.from(".obuilder")])
  try {
    Fs.linkSync(old, temporary)
  } catch (error) {
    // No more names than the file system allows; or one that is as long as can be.
    const code = codeOf(error)
    if (code === "EMLINK" || code === "ENAMETOOLONG" || code === "EEXIST") return false
    throw error
  }
  Fs.renameSync(temporary, fresh)
  return true
}

export const make = ({ mode = "copy", ...options }: Options) => LocalStore.of(treesOf(mode)).make(options)

export const layer = ({ mode = "copy", ...options }: Options) => LocalStore.of(treesOf(mode)).layer(options)
