/** Makes one entry of a tar on the disk: its node, owner, mode, extended attributes and times. */
import * as Fs from "node:fs"
import { makeDevice, makeNode, setXattr } from "../host/Libc.ts"
import { writeAll } from "../host/WriteAll.ts"
import { problem } from "./ImageProblem.ts"
import { quote, type TarEntry } from "./TarHeaders.ts"
import * as Xattrs from "../host/Xattrs.ts"

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY, S_IFBLK, S_IFCHR, S_IFIFO } = Fs.constants

/** A regular file in the making. */
export interface OpenFile {
  readonly fd: number
  readonly path: string
  readonly entry: TarEntry
}

/** Creates the file, which must not exist. Whoever calls this calls {@link finishFile}, or closes it. */
export const openFile = (path: string, entry: TarEntry): OpenFile => ({
  fd: Fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600),
  path,
  entry
})

export const writeFile = ({ fd }: OpenFile, chunk: Uint8Array): void => writeAll(fd, chunk)

/** The mode comes after the owner, because a change of owner takes the setuid bit away; so with capabilities. */
export const finishFile = ({ fd, path, entry }: OpenFile): void => {
  Fs.fchownSync(fd, entry.uid, entry.gid)
  Fs.fchmodSync(fd, entry.mode)
  setXattrs(path, entry)
  Fs.futimesSync(fd, time(entry), time(entry))
}

/** Makes a directory, or gives an existing one what the entry says but the time, which comes last. */
export const makeDirectory = (path: string, entry: TarEntry, exists: boolean): void => {
  if (!exists) Fs.mkdirSync(path, 0o700)
  Fs.lchownSync(path, entry.uid, entry.gid)
  Fs.chmodSync(path, entry.mode)
  setXattrs(path, entry)
}

export const makeSymlink = (path: string, entry: TarEntry): void => {
  if (entry.target === "") throw problem(`the tar has a link without a target, ${quote(entry.path)}`)
  Fs.symlinkSync(entry.target, path)
  Fs.lchownSync(path, entry.uid, entry.gid)
  setXattrs(path, entry)
  Fs.lutimesSync(path, time(entry), time(entry))
}

/** Makes a device node or a FIFO. */
export const makeSpecial = (path: string, entry: TarEntry): void => {
  const { major, minor } = entry
  if (entry.type !== "Fifo" && !(major >= 0 && major < 1 << 12 && minor >= 0 && minor < 1 << 20)) {
    throw problem(`the tar has a device with the impossible number ${major}:${minor}, ${quote(entry.path)}`)
  }
  if (entry.type === "CharacterDevice" && major === 0 && minor === 0) {
    throw problem(
      `the tar has the character device 0:0, ${quote(entry.path)}`,
      "overlayfs takes such a node for a deletion: make the image without it"
    )
  }
  const type = entry.type === "CharacterDevice" ? S_IFCHR : entry.type === "BlockDevice" ? S_IFBLK : S_IFIFO
  makeNode(path, type | 0o600, makeDevice(major, minor))
  Fs.lchownSync(path, entry.uid, entry.gid)
  Fs.chmodSync(path, entry.mode)
  setXattrs(path, entry)
  setTime(path, entry)
}

/** Node takes a negative number for "now", but not a date before 1970; numbers are the finer of the two. */
const time = ({ mtime }: Pick<TarEntry, "mtime">): number | Date => (mtime < 0 ? new Date(mtime * 1000) : mtime)

/** Sets the times of what is not a link. */
export const setTime = (path: string, entry: Pick<TarEntry, "mtime">): void =>
  Fs.utimesSync(path, time(entry), time(entry))

const setXattrs = (path: string, entry: TarEntry): void => {
  for (const { name, value } of entry.xattrs) {
    if (Xattrs.isOfOverlay(name)) {
      throw problem(
        `the tar has the extended attribute ${quote(name)}, on ${quote(entry.path)}`,
        "overlayfs would take it for its own: make the image without it"
      )
    }
    if (name !== Xattrs.DEFAULT_ACL && !Xattrs.isOfHost(name)) setXattr(path, name, value)
  }
}
