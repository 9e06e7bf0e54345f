/**
 * Reads a stack of overlayfs layers as the kernel would show it, without
 * mounting it: whiteouts hide, opaque directories cut off what lies below,
 * directories merge. A plain directory is a stack of one.
 *
 * The stores mount with `redirect_dir=off,index=off,metacopy=off`, so that a
 * layer never says anything but what this file understands. Format: the Linux
 * kernel's `Documentation/filesystems/overlayfs.rst`.
 *
 * Nothing here follows a link of the host: every component is looked up on its
 * own, links are resolved inside the tree, and `..` stops at its root. It is
 * for trees that nobody changes meanwhile; functions are synchronous and throw
 * errors shaped as Node's.
 */
import * as Fs from "node:fs"
import { constants } from "node:os"
import { ErrnoError, getXattr, type HostPath } from "./Libc.ts"

export type Kind = "file" | "directory" | "link" | "other"

/** An entry of the tree, and where the host has it. */
export interface Entry {
  readonly kind: Kind
  /** The host's path of the topmost layer's version. */
  readonly hostPath: string
  readonly stats: Fs.Stats
  /** For a directory: the layers' directories that merge into it, topmost first. */
  readonly parts: ReadonlyArray<string>
}

export interface Resolved {
  /** Absolute, without `.`, `..` and links; what it names need not exist. */
  readonly path: string
  readonly kind: Kind | "missing"
}

/** Linux follows 40 links before it gives up. */
const MAX_LINKS = 40

const OPAQUE = "trusted.overlay.opaque"
const LETTER_Y = 0x79

const kindOf = (stats: Fs.Stats): Kind =>
  stats.isFile() ? "file" : stats.isDirectory() ? "directory" : stats.isSymbolicLink() ? "link" : "other"

/** A character device 0/0 says that the name is deleted. */
export const isWhiteout = (stats: Fs.Stats): boolean => stats.isCharacterDevice() && stats.rdev === 0

export const isOpaque = (directory: HostPath): boolean => getXattr(directory, OPAQUE)?.[0] === LETTER_Y

export const opaqueAttribute = { name: OPAQUE, value: Uint8Array.of(LETTER_Y) } as const

/** The components of a path, without empty ones and `.`. */
export const components = (path: string): Array<string> => path.split("/").filter((part) => part !== "" && part !== ".")

export class LayeredTree {
  readonly root: Entry
  private readonly layered: boolean

  constructor(layers: ReadonlyArray<string>) {
    const [top] = layers
    if (top === undefined) throw new ErrnoError(constants.errno.EINVAL, "overlay", "no layers")
    this.root = { kind: "directory", hostPath: top, stats: Fs.lstatSync(top), parts: layers }
    this.layered = layers.length > 1
  }

  /** The entry `name` of a directory, or `undefined`. Links are not followed. */
  child(directory: Entry, name: string): Entry | undefined {
    let first: { readonly path: string; readonly stats: Fs.Stats } | undefined
    const parts: Array<string> = []
    for (const part of directory.parts) {
      const path = `${part}/${name}`
      const stats = Fs.lstatSync(path, { throwIfNoEntry: false })
      if (stats === undefined) continue
      if (!stats.isDirectory()) {
        if (first !== undefined || isWhiteout(stats)) break
        return { kind: kindOf(stats), hostPath: path, stats, parts: [] }
      }
      first ??= { path, stats }
      parts.push(path)
      if (this.layered && isOpaque(path)) break
    }
    return first === undefined ? undefined : { kind: "directory", hostPath: first.path, stats: first.stats, parts }
  }

  /** A directory's entries by name, unsorted. */
  children(directory: Entry): Map<string, Entry> {
    const entries = new Map<string, Entry>()
    if (directory.parts.length === 1) {
      // The common case, without a set of what upper layers hide.
      const [part] = directory.parts
      for (const name of part === undefined ? [] : readNames(part)) {
        const entry = this.child(directory, name)
        if (entry !== undefined) entries.set(name, entry)
      }
      return entries
    }
    const seen = new Set<string>()
    for (const part of directory.parts) {
      for (const name of readNames(part)) {
        if (seen.has(name)) continue
        seen.add(name)
        const entry = this.child(directory, name)
        if (entry !== undefined) entries.set(name, entry)
      }
    }
    return entries
  }

  /** The entry at a path whose components are taken as they stand: no links are followed, `..` is not known. */
  lookup(path: string): Entry | undefined {
    let entry: Entry | undefined = this.root
    for (const name of components(path)) {
      if (entry === undefined || entry.kind !== "directory") return undefined
      entry = this.child(entry, name)
    }
    return entry
  }

  /**
   * Follows links inside the tree, the last component's too unless told
   * otherwise. What is missing is taken as it stands: its components, and those
   * after it, are those of directories still to be made.
   *
   * Throws `ELOOP` for too many links and `ENOTDIR` where something else than a
   * directory or link is on the way.
   */
  resolve(path: string, options: { readonly followLast?: boolean } = {}): Resolved {
    const followLast = options.followLast ?? true
    const pending = components(path).reverse()
    // The directories from the root to here; `undefined` for those that are missing.
    const names: Array<string> = []
    const trail: Array<Entry | undefined> = [this.root]
    let links = 0
    while (pending.length > 0) {
      const name = pending.pop()
      if (name === undefined) break
      const here = trail[trail.length - 1]
      if (here !== undefined && here.kind !== "directory") {
        throw new ErrnoError(constants.errno.ENOTDIR, "resolve", `/${names.join("/")}`)
      }
      if (name === "..") {
        if (names.length > 0) {
          names.pop()
          trail.pop()
        }
        continue
      }
      const entry = here === undefined ? undefined : this.child(here, name)
      if (entry?.kind === "link" && (followLast || pending.length > 0)) {
        links++
        if (links > MAX_LINKS) throw new ErrnoError(constants.errno.ELOOP, "resolve", path)
        const target = Fs.readlinkSync(entry.hostPath)
        if (target.startsWith("/")) {
          names.length = 0
          trail.length = 1
        }
        pending.push(...components(target).reverse())
        continue
      }
      names.push(name)
      trail.push(entry)
    }
    return { path: `/${names.join("/")}`, kind: trail[trail.length - 1]?.kind ?? "missing" }
  }
}

export const make = (layers: ReadonlyArray<string>): LayeredTree => new LayeredTree(layers)

/**
 * A directory's names. Names that are not UTF-8 are refused, since they could
 * not be told apart: with EILSEQ and the path, below `shown`, of the first.
 */
export const readNames = (directory: string, shown = directory): Array<string> => {
  const names = Fs.readdirSync(directory)
  if (names.some((name) => name.includes("\uFFFD"))) checkNames(directory, shown)
  return names
}

const checkNames = (directory: string, shown: string): void => {
  for (const bytes of Fs.readdirSync(directory, { encoding: "buffer" })) {
    if (!Buffer.from(bytes.toString("utf8")).equals(bytes)) {
      throw new ErrnoError(constants.errno.EILSEQ, "readdir", `${shown}/${printable(bytes)}`)
    }
  }
}

/** As a shell's `$'…'` has it: bytes that are no ASCII as `\xff`. */
const printable = (bytes: Buffer): string =>
  bytes.toString("latin1").replaceAll(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`)
