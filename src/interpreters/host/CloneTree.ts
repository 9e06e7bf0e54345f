/**
 * Copies a tree that nobody changes, with everything that there is to a file:
 * owners, modes, times, extended attributes, hard links, devices. Names are
 * bytes, which need not be UTF-8.
 */
import * as Fs from "node:fs"
import { type PerhapsWork, toTheEnd, type Work } from "./Cooperate.ts"
import { contentOf } from "./HashFile.ts"
import { codeOf } from "./IoError.ts"
import { getXattr, type HostPath, listXattr, makeNode, setXattr } from "./Libc.ts"
import { copyAttributes, copyTimes } from "./Metadata.ts"

/** How a regular file is copied. */
export interface CopyFile {
  /** Copies its content, or makes it another name of the same file. */
  readonly copy: (from: Buffer, to: Buffer, stats: Fs.Stats) => PerhapsWork
  /** Whether it has its attributes by then; otherwise they are copied afterwards. */
  readonly withAttributes: boolean
}

const { COPYFILE_EXCL, COPYFILE_FICLONE, COPYFILE_FICLONE_FORCE, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } =
  Fs.constants

/** Bytes that are copied in one go. */
const PIECE = 1 << 20

/** Shares the blocks where the file system can; where it cannot, holes stay holes. */
export const copyContent: CopyFile = {
  withAttributes: false,
  copy: (from, to, { size }) => {
    if (size > PIECE) return tryShare(from, to) ? undefined : copyPieces(from, to)
    Fs.copyFileSync(from, to, COPYFILE_EXCL | COPYFILE_FICLONE)
    return undefined
  }
}

/** Shares the blocks, or fails. */
export const shareContent: CopyFile = {
  withAttributes: false,
  copy: (from, to) => {
    Fs.copyFileSync(from, to, COPYFILE_EXCL | COPYFILE_FICLONE_FORCE)
    return undefined
  }
}

/** Gives the same file another name. */
export const linkFile: CopyFile = {
  withAttributes: true,
  copy: (from, to) => {
    Fs.linkSync(from, to)
    return undefined
  }
}

/** Makes a file that shares another's blocks; false where the file system cannot do that. */
export const tryShare = (from: HostPath, to: HostPath): boolean => {
  try {
    Fs.copyFileSync(from, to, COPYFILE_EXCL | COPYFILE_FICLONE_FORCE)
    return true
  } catch (error) {
    if (NO_REFLINKS.has(codeOf(error) ?? "")) return false
    throw error
  }
}

const NO_REFLINKS: ReadonlySet<string> = new Set(["ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EXDEV", "EINVAL"])

const ZEROES = Buffer.alloc(PIECE)

function* copyPieces(from: Buffer, to: Buffer): Work {
  const source = Fs.openSync(from, O_RDONLY | O_NOFOLLOW)
  try {
    const target = Fs.openSync(to, O_WRONLY | O_CREAT | O_EXCL, 0o600)
    try {
      let at = 0
      for (const piece of contentOf(source)) {
        // What is not written stays a hole.
        for (let done = ZEROES.subarray(0, piece.length).equals(piece) ? piece.length : 0; done < piece.length;) {
          done += Fs.writeSync(target, piece, done, piece.length - done, at + done)
        }
        at += piece.length
        yield
      }
      Fs.ftruncateSync(target, at)
    } finally {
      Fs.closeSync(target)
    }
  } finally {
    Fs.closeSync(source)
  }
}

/** Copies the directory `from` as `to`, which is not there yet. */
export function* cloneTree(from: string, to: string, copyFile: CopyFile): Work {
  const directories: Array<readonly [Buffer, Buffer, Fs.Stats]> = []
  /** The first copy of each file that has several names. */
  const links = new Map<string, Buffer>()
  const pending: Array<readonly [Buffer, Buffer]> = [[Buffer.from(from), Buffer.from(to)]]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [source, target] = next
    Fs.mkdirSync(target, 0o700)
    directories.push([source, target, Fs.lstatSync(source)])
    for (const name of Fs.readdirSync(source, { encoding: "buffer" })) {
      const [one, copy] = [join(source, name), join(target, name)]
      const stats = Fs.lstatSync(one)
      if (stats.isDirectory()) pending.push([one, copy])
      else if (stats.nlink === 1) yield* copyEntry(one, copy, stats, copyFile)
      else {
        // As a number an inode can lose its last digits.
        const { dev, ino } = Fs.lstatSync(one, { bigint: true })
        const first = links.get(`${dev}:${ino}`)
        if (first === undefined) {
          yield* copyEntry(one, copy, stats, copyFile)
          links.set(`${dev}:${ino}`, copy)
        } else Fs.linkSync(first, copy)
      }
      yield
    }
  }
  // Last and innermost first, since filling a directory changes its times.
  for (const [source, target, stats] of directories.reverse()) copyAttributes(source, target, stats)
}

function* copyEntry(from: Buffer, to: Buffer, stats: Fs.Stats, copyFile: CopyFile): Work {
  if (stats.isSymbolicLink()) {
    Fs.symlinkSync(Fs.readlinkSync(from, { encoding: "buffer" }), to)
    Fs.lchownSync(to, stats.uid, stats.gid)
    for (const name of listXattr(from)) setXattr(to, name, getXattr(from, name) ?? new Uint8Array())
    copyTimes(from, to)
    return
  }
  if (stats.isFile()) {
    yield* toTheEnd(copyFile.copy(from, to, stats))
    if (copyFile.withAttributes) return
  } else makeNode(to, stats.mode, BigInt(stats.rdev))
  copyAttributes(from, to, stats)
}

const SLASH = Buffer.from("/")

export const join = (directory: Buffer, name: Buffer): Buffer => Buffer.concat([directory, SLASH, name])
