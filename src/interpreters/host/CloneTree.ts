/**
 * Copies a tree that nobody changes, with everything that there is to a file:
 * owners, modes, times, extended attributes, hard links, devices. Names are
 * bytes, which need not be UTF-8.
 */
import * as Fs from "node:fs"
import { listXattr, getXattr, makeNode, setXattr } from "./Libc.ts"
import { copyAttributes } from "./Metadata.ts"

/** Copies a regular file's content; its attributes are copied afterwards. True where it has them already. */
export type CopyFile = (from: Buffer, to: Buffer) => boolean | void

const { COPYFILE_EXCL, COPYFILE_FICLONE, COPYFILE_FICLONE_FORCE } = Fs.constants

/** Shares the blocks where the file system can. */
export const copyContent: CopyFile = (from, to) => Fs.copyFileSync(from, to, COPYFILE_EXCL | COPYFILE_FICLONE)

/** Shares the blocks, or fails. */
export const shareContent: CopyFile = (from, to) => Fs.copyFileSync(from, to, COPYFILE_EXCL | COPYFILE_FICLONE_FORCE)

/** Gives the same file another name. */
export const linkFile: CopyFile = (from, to) => {
  Fs.linkSync(from, to)
  return true
}

/** Copies the directory `from` as `to`, which is not there yet. */
export function* cloneTree(from: string, to: string, copyFile: CopyFile): Generator<void, void, void> {
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
      else if (stats.nlink === 1) copyEntry(one, copy, stats, copyFile)
      else {
        // As a number an inode can lose its last digits.
        const { dev, ino } = Fs.lstatSync(one, { bigint: true })
        const first = links.get(`${dev}:${ino}`)
        if (first === undefined) {
          copyEntry(one, copy, stats, copyFile)
          links.set(`${dev}:${ino}`, copy)
        } else Fs.linkSync(first, copy)
      }
      yield
    }
  }
  // Last and innermost first, since filling a directory changes its times.
  for (const [source, target, stats] of directories.reverse()) copyAttributes(source, target, stats)
}

const copyEntry = (from: Buffer, to: Buffer, stats: Fs.Stats, copyFile: CopyFile): void => {
  if (stats.isSymbolicLink()) {
    Fs.symlinkSync(Fs.readlinkSync(from, { encoding: "buffer" }), to)
    Fs.lchownSync(to, stats.uid, stats.gid)
    for (const name of listXattr(from)) setXattr(to, name, getXattr(from, name) ?? new Uint8Array())
    Fs.lutimesSync(to, stats.atime, stats.mtime)
    return
  }
  if (stats.isFile()) {
    if (copyFile(from, to) === true) return
  } else makeNode(to, stats.mode, BigInt(stats.rdev))
  copyAttributes(from, to, stats)
}

const SLASH = Buffer.from("/")

export const join = (directory: Buffer, name: Buffer): Buffer => Buffer.concat([directory, SLASH, name])
