/** Which store is taken where none is named: the one that is there, or the best that the machine offers. */
import * as Fs from "node:fs"
import { release } from "node:os"
import { dirname } from "node:path"
import { mountedAt } from "../interpreters/host/Zfs.ts"

const PATH = "/var/lib/obuilder"

/** What the choice depends on. */
export interface Facts {
  /** What a store that is there says of itself. */
  readonly format: string | undefined
  readonly hasOverlayfs: boolean
  /** The type of the file system, statfs(2). */
  readonly fileSystem: number
}

/** Types of file systems, statfs(2). */
const BTRFS = 0x9123683e
const XFS = 0x58465342

/** Overlayfs cannot write to these: itself, NFS, and most of what FUSE is used for. */
const NO_UPPER: ReadonlySet<number> = new Set([0x794c7630, 0x6969, 0x65735546])

/**
 * A store that is there stays what it is. Otherwise layers of overlayfs, which
 * cost least to make and to throw away, then what shares blocks, and last what
 * works anywhere. Pure.
 */
export const kindFor = ({ fileSystem, format, hasOverlayfs }: Facts): string => {
  const [, known] = /^\{"kind":"([a-z]+)"/.exec(format ?? "") ?? []
  if (known !== undefined) return known
  if (hasOverlayfs && !NO_UPPER.has(fileSystem)) return "overlayfs"
  return fileSystem === BTRFS ? "btrfs" : fileSystem === XFS ? "xfs" : "rsync"
}

/** `KIND:PATH`. */
export const defaultStore = (): string => {
  const kind = kindFor({ format: read(`${PATH}/format`), hasOverlayfs: hasOverlayfs(), fileSystem: typeAt(PATH) })
  return `${kind}:${kind === "zfs" ? (mountedAt(PATH) ?? PATH) : PATH}`
}

const read = (path: string): string | undefined => {
  try {
    return Fs.readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

/** In the kernel, or a module that it loads when it is wanted. */
const hasOverlayfs = (): boolean =>
  /\toverlay$/m.test(read("/proc/filesystems") ?? "") ||
  /\/overlay\.ko/.test(read(`/lib/modules/${release()}/modules.dep`) ?? "")

/** Of the nearest directory that is there. */
const typeAt = (path: string): number => {
  try {
    return Fs.statfsSync(path).type
  } catch {
    return path === "/" ? 0 : typeAt(dirname(path))
  }
}
