/**
 * What a tree takes on the disk, and how much of that would be free again if
 * only it went: hard links to it from elsewhere, and extents that other files
 * share, stay.
 *
 * Extents come from FIEMAP (the kernel's `Documentation/filesystems/fiemap.rst`).
 */
import * as Fs from "node:fs"
import { endianness } from "node:os"
import type { Footprint } from "../Inventory.ts"
import { codeOf } from "./IoError.ts"
import { ioctl } from "./Libc.ts"
import { isLinux } from "./System.ts"

/** Entries between two chances to stop. */
const BATCH = 128

/** `st_blocks` counts these, whatever the file system's own are. */
const BLOCK = 512

export interface Options {
  /** Whether the file system lets files share extents. */
  readonly extents: boolean
}

/** A file with several links, of which so many were met. */
interface Linked extends Footprint {
  readonly links: number
  met: number
}

/** Walks over trees, as one; nothing there is nothing. What goes meanwhile does not count. */
export function* diskUsage(paths: ReadonlyArray<string>, { extents }: Options): Generator<void, Footprint> {
  const linked = new Map<string, Linked>()
  const pending: Array<Buffer> = paths.map((path) => Buffer.from(path))
  let [unique, shared, count] = [0, 0, 0]
  for (let here = pending.pop(); here !== undefined; here = pending.pop()) {
    if (++count % BATCH === 0) yield
    const stats = look(here)
    if (stats === undefined) continue
    if (stats.isDirectory()) {
      unique += stats.blocks * BLOCK
      for (const name of namesIn(here)) pending.push(Buffer.concat([here, SLASH, name]))
      continue
    }
    if (stats.nlink > 1) {
      const key = `${stats.dev}:${stats.ino}`
      const known = linked.get(key)
      if (known === undefined) linked.set(key, { ...taken(here, stats, extents), links: stats.nlink, met: 1 })
      else known.met++
      continue
    }
    const one = taken(here, stats, extents)
    unique += one.unique
    shared += one.shared
  }
  for (const file of linked.values()) {
    const isWhole = file.met >= file.links
    unique += isWhole ? file.unique : 0
    shared += isWhole ? file.shared : file.unique + file.shared
  }
  return { unique, shared }
}

const SLASH = Buffer.from("/")

const taken = (path: Buffer, stats: Fs.Stats, extents: boolean): Footprint => {
  const all = stats.blocks * BLOCK
  if (!extents || all === 0 || !stats.isFile()) return { unique: all, shared: 0 }
  // Extents of a compressed file are longer than what they take.
  const shared = Math.min(all, sharedBytes(path))
  return { unique: all - shared, shared }
}

const look = (path: Buffer): Fs.Stats | undefined => unlessMissing(() => Fs.lstatSync(path))

const namesIn = (path: Buffer): ReadonlyArray<Buffer> =>
  unlessMissing(() => Fs.readdirSync(path, { encoding: "buffer" })) ?? []

const unlessMissing = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch (error) {
    if (MISSING.has(codeOf(error) ?? "")) return undefined
    throw error
  }
}

/** A path that is too long is left out: what lies so deep is seldom large. */
const MISSING: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ENAMETOOLONG"])

const FS_IOC_FIEMAP = 0xc020660b
const HEADER = 32
const EXTENT = 56
const EXTENTS = 64
const EXTENT_LAST = 0x0001
const EXTENT_SHARED = 0x2000

/** Linux on x86-64 and ARM is little-endian; elsewhere nothing is known to be shared. */
const LITTLE = endianness() === "LE"

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = Fs.constants

/** Bytes of a file in extents that it shares with others; 0 where the file system does not say. */
const sharedBytes = (path: Buffer): number => {
  if (!LITTLE || !isLinux()) return 0
  const fd = unlessMissing(() => Fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK))
  if (fd === undefined) return 0
  try {
    const map = Buffer.alloc(HEADER + EXTENTS * EXTENT)
    let shared = 0
    for (let start = 0n; ;) {
      map.fill(0)
      map.writeBigUInt64LE(start, 0)
      map.writeBigUInt64LE(2n ** 63n, 8)
      map.writeUInt32LE(EXTENTS, 24)
      ioctl(fd, FS_IOC_FIEMAP, map, path.toString())
      const mapped = map.readUInt32LE(20)
      if (mapped === 0) return shared
      for (let index = 0; index < mapped; index++) {
        const at = HEADER + index * EXTENT
        const length = map.readBigUInt64LE(at + 16)
        const flags = map.readUInt32LE(at + 40)
        if ((flags & EXTENT_SHARED) !== 0) shared += Number(length)
        if ((flags & EXTENT_LAST) !== 0) return shared
        start = map.readBigUInt64LE(at) + length
      }
    }
  } catch (error) {
    const code = codeOf(error)
    if (code === "EOPNOTSUPP" || code === "ENOTTY" || code === "EINVAL") return 0
    throw error
  } finally {
    Fs.closeSync(fd)
  }
}
