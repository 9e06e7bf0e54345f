/**
 * Subvolumes of btrfs, by the kernel's own calls: `btrfs`, the program, would be
 * a process each time. Formats: the kernel's `include/uapi/linux/btrfs.h`.
 *
 * Paths here are of directories that nobody else changes; what is inside a
 * subvolume that is removed may be changed meanwhile, by who was left behind.
 */
import * as Fs from "node:fs"
import { codeOf } from "./IoError.ts"
import { ioctl } from "./Libc.ts"

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = Fs.constants

/** `_IOW(0x94, NUMBER, struct btrfs_ioctl_vol_args_v2)`, and `…_args`, which is as long. */
const request = (number: number): number => 0x5000_9400 + number
const SNAP_DESTROY = request(15)
const SNAP_CREATE_V2 = request(23)
const SUBVOL_CREATE_V2 = request(24)
/** `_IOW(0x94, 26, __u64)` */
const SUBVOL_SETFLAGS = 0x4008_941a

const ARGS_SIZE = 4096
const READ_ONLY = 2n

/** Where the name begins in each of the two structures, and the longest that a file system takes. */
const NAME_AT = 8
const NAME_AT_V2 = 56
const MAX_NAME = 255

const args = (name: Buffer, at: number): Buffer => {
  if (name.length > MAX_NAME) throw new Error(`${name.toString()} is too long for a subvolume's name`)
  const data = Buffer.alloc(ARGS_SIZE)
  name.copy(data, at)
  return data
}

const opened = <A>(path: string | Buffer, use: (fd: number) => A): A => {
  const fd = Fs.openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  try {
    return use(fd)
  } finally {
    Fs.closeSync(fd)
  }
}

const split = (path: string): readonly [parent: string, name: Buffer] => {
  const at = path.lastIndexOf("/")
  return [path.slice(0, at), Buffer.from(path.slice(at + 1))]
}

/** Makes an empty subvolume. */
export const createSubvolume = (path: string): void => {
  const [parent, name] = split(path)
  opened(parent, (fd) => ioctl(fd, SUBVOL_CREATE_V2, args(name, NAME_AT_V2), path))
}

/** Makes a writable copy of a subvolume, in a time that does not depend on what is in it. */
export const snapshotSubvolume = (from: string, to: string): void => {
  const [parent, name] = split(to)
  opened(from, (source) => {
    const data = args(name, NAME_AT_V2)
    data.writeBigInt64LE(BigInt(source), 0)
    opened(parent, (fd) => ioctl(fd, SNAP_CREATE_V2, data, to))
  })
}

export const makeReadOnly = (path: string): void => setFlags(path, READ_ONLY)

const setFlags = (path: string | Buffer, flags: bigint): void => {
  const data = Buffer.alloc(8)
  data.writeBigUInt64LE(flags)
  opened(path, (fd) => ioctl(fd, SUBVOL_SETFLAGS, data, path.toString()))
}

/** The root directory of every subvolume has this inode. */
const SUBVOLUME_INODE = 256n

/** Removes a subvolume; those inside of it first. False where there is none. Throws what the kernel refuses. */
export function* destroySubvolume(path: string): Generator<void, boolean, void> {
  const [parent, name] = split(path)
  let fd: number
  try {
    fd = Fs.openSync(parent, O_RDONLY | O_DIRECTORY)
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false
    throw error
  }
  try {
    return yield* destroyIn(fd, name)
  } finally {
    Fs.closeSync(fd)
  }
}

function* destroyIn(parent: number, name: Buffer): Generator<void, boolean, void> {
  const path = within(parent, name)
  const stats = Fs.lstatSync(path, { bigint: true, throwIfNoEntry: false })
  if (stats === undefined || !stats.isDirectory() || stats.ino !== SUBVOLUME_INODE) return false
  const data = args(name, NAME_AT)
  try {
    ioctl(parent, SNAP_DESTROY, data, path.toString())
    return true
  } catch (error) {
    if (codeOf(error) !== "ENOTEMPTY") throw error
  }
  // A step has made subvolumes of its own.
  setFlags(path, 0n)
  yield* destroyInside(path)
  ioctl(parent, SNAP_DESTROY, data, path.toString())
  return true
}

/** Removes the subvolumes in a directory, going from descriptor to descriptor. */
function* destroyInside(path: Buffer): Generator<void, void, void> {
  const fd = Fs.openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  try {
    const entries = Fs.readdirSync(`/proc/self/fd/${fd}`, { encoding: "buffer", withFileTypes: true })
    for (const { name } of entries.filter((one) => one.isDirectory())) {
      if (!(yield* destroyIn(fd, name))) yield* destroyInside(within(fd, name))
      yield
    }
  } finally {
    Fs.closeSync(fd)
  }
}

const within = (directory: number, name: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`/proc/self/fd/${directory}/`), name])
