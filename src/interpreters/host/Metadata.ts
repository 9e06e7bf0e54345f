/** Copies what a file is besides its content: owner, mode, extended attributes and times. */
import * as Fs from "node:fs"
import { getXattr, type HostPath, listXattr, setTimes, setXattr } from "./Libc.ts"
import { isOfStore } from "./Xattrs.ts"

/** Gives `to`, which may not be a link, the attributes of `from`. */
export const copyAttributes = (from: HostPath, to: HostPath, stats: Fs.Stats): void => {
  Fs.lchownSync(to, stats.uid, stats.gid)
  // After the owner: changing that clears the set-id bits.
  Fs.chmodSync(to, stats.mode & 0o7777)
  for (const name of listXattr(from)) {
    if (isOfStore(name)) continue
    const value = getXattr(from, name)
    if (value !== undefined) setXattr(to, name, value)
  }
  copyTimes(from, to)
}

/** To the nanosecond. Neither path is followed if it is a link. */
export const copyTimes = (from: HostPath, to: HostPath): void => {
  const { atimeNs, mtimeNs } = Fs.lstatSync(from, { bigint: true })
  setTimes(to, atimeNs, mtimeNs)
}
