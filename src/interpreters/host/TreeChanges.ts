/**
 * What has changed from one tree to another, as a layer of an image says it
 * (image-spec 1.1, "Image Layer Filesystem Changeset"): what is new or other
 * than it was, what is gone, and the directories on the way there, without which
 * some tools that unpack layers would give them owners and modes of their own.
 *
 * What counts is what a tar says: a file that was written again as it was has
 * not changed.
 */
import * as Fs from "node:fs"
import type { Entry, LayeredTree } from "./LayeredTree.ts"
import { getXattr, listXattr } from "./Libc.ts"
import { isOfHost, isOfStore } from "./Xattrs.ts"

export interface Change {
  /** Relative to the root, which is empty. */
  readonly name: string
  /** `undefined` for what is gone. */
  readonly entry: Entry | undefined
}

/** The time of last change in seconds since 1970, as a tar has it. */
export const secondsOf = ({ mtimeMs }: Fs.Stats, latest: number): number => Math.min(Math.floor(mtimeMs / 1000), latest)

/** Names a file by what its names share. */
export const fileKey = ({ dev, ino }: Fs.Stats): string => `${dev}:${ino}`

/** The extended attributes that are no affair of the machine's or its stores' alone, in order. */
export const attributesOf = (path: string): ReadonlyArray<readonly [name: string, value: Uint8Array]> =>
  [...listXattr(path)].sort().flatMap((name) => {
    const value = isOfStore(name) || isOfHost(name) ? undefined : getXattr(path, name)
    return value === undefined ? [] : [[name, value] as const]
  })

/** A directory on the way, and whether it is in the layer already. */
interface Trail {
  readonly name: string
  readonly entry: Entry
  readonly above: Trail | undefined
  isIn: boolean
}

interface Pair {
  readonly trail: Trail
  readonly before: Entry | undefined
}

/** A file that has, or had, several names. */
interface Links {
  /** In the order of the walk. */
  readonly names: Array<{ readonly name: string; readonly trail: Trail; readonly entry: Entry }>
  /** The file before that all of them named, as long as that is one, and it was the same. */
  was: Entry | undefined
}

/**
 * All changes, directories before what is in them, in order of their names. Times
 * later than `latest`, in seconds since 1970, count as that.
 */
export function* changes(
  before: LayeredTree,
  after: LayeredTree,
  latest: number
): Generator<void, ReadonlyArray<Change>, void> {
  const found = new Map<string, Change>()
  const include = (trail: Trail): void => {
    for (let one: Trail | undefined = trail; one !== undefined && !one.isIn; one = one.above) {
      one.isIn = true
      found.set(one.name, { name: one.name, entry: one.entry })
    }
  }
  const links = new Map<string, Links>()
  /** How many names were seen of each file of the tree before that has several. */
  const seen = new Map<string, number>()
  let skips = false

  const root: Trail = { name: "", entry: after.root, above: undefined, isIn: false }
  const pending: Array<Pair> = [{ trail: root, before: before.root }]
  for (let pair = pending.pop(); pair !== undefined; pair = pending.pop()) {
    const { trail } = pair
    const was = pair.before?.kind === "directory" ? pair.before : undefined
    // Nobody has written to any of its layers.
    if (was !== undefined && isSameStack(was.parts, trail.entry.parts)) {
      skips = true
      continue
    }
    if (was === undefined || !hasSameAttributes(was, trail.entry, latest)) include(trail)
    const old = was === undefined ? new Map<string, Entry>() : childrenOf(before, was)
    const now = childrenOf(after, trail.entry)
    const directories: Array<Pair> = []
    for (const name of [...new Set([...old.keys(), ...now.keys()])].sort(byCodeUnits)) {
      const [then, entry] = [old.get(name), now.get(name)]
      const path = trail.name === "" ? name : `${trail.name}/${name}`
      const hadLinks = then !== undefined && then.kind !== "directory" && then.stats.nlink > 1
      if (hadLinks) seen.set(fileKey(then.stats), (seen.get(fileKey(then.stats)) ?? 0) + 1)
      if (entry === undefined) {
        include(trail)
        found.set(path, { name: path, entry: undefined })
      } else if (entry.kind === "directory") {
        directories.push({ trail: { name: path, entry, above: trail, isIn: false }, before: then })
      } else {
        const isSame = then !== undefined && (yield* isUnchanged(then, entry, latest))
        if (hadLinks || entry.stats.nlink > 1) {
          // What is said of it depends on its other names.
          const group = groupOf(links, entry, isSame ? then : undefined)
          if (!isSame || group.was === undefined || fileKey(group.was.stats) !== fileKey(then.stats)) {
            group.was = undefined
          }
          group.names.push({ name: path, trail, entry })
        } else if (!isSame) {
          include(trail)
          found.set(path, { name: path, entry })
        }
      }
      yield
    }
    for (const one of directories.reverse()) pending.push(one)
  }
  // Names that were not seen are of what is in the same place still.
  const isSeen = ({ stats }: Entry): boolean => !skips || seen.get(fileKey(stats)) === stats.nlink
  const heirs = heirsOf(links.values(), isSeen)
  // A link in a layer can be to a file of the same layer only.
  for (const group of links.values()) {
    if (heirs.has(group)) continue
    for (const { entry, name, trail } of group.names) {
      include(trail)
      found.set(name, { name, entry })
    }
  }
  return [...found.values()].sort((a, b) => byCodeUnits(sortKey(a), sortKey(b)))
}

/** Sockets are none: no image has them. */
const childrenOf = (tree: LayeredTree, directory: Entry): Map<string, Entry> => {
  const entries = tree.children(directory)
  for (const [name, { stats }] of entries) if (stats.isSocket()) entries.delete(name)
  return entries
}

const groupOf = (links: Map<string, Links>, { stats }: Entry, was: Entry | undefined): Links => {
  const key = fileKey(stats)
  const known = links.get(key)
  if (known !== undefined) return known
  const made: Links = { names: [], was }
  links.set(key, made)
  return made
}

/**
 * Those that are what they were, of which nothing need be said. Where several
 * were one file, one of them still is: that with most names, or the first one,
 * so that it is the same in every store; but where not all names were seen, only
 * that which was in the same place.
 */
const heirsOf = (all: Iterable<Links>, isSeen: (file: Entry) => boolean): ReadonlySet<Links> => {
  const heirs = new Map<string, Links>()
  for (const one of all) {
    const [first] = one.names
    if (one.was === undefined || first === undefined) continue
    if (!isSeen(one.was) && !isOneInode(one.was.stats, first.entry.stats)) continue
    const key = fileKey(one.was.stats)
    if (one.names.length > (heirs.get(key)?.names.length ?? 0)) heirs.set(key, one)
  }
  return new Set(heirs.values())
}

const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Puts what is in a directory right behind it, what is gone first: image-spec has whiteouts before their siblings. */
const sortKey = ({ entry, name }: Change): string => {
  const last = name.lastIndexOf("/") + 1
  const key = entry === undefined ? `${name.slice(0, last)}/${name.slice(last)}` : name
  return key.replaceAll("/", "\0")
}

const isSameStack = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): boolean =>
  a.length === b.length && a.every((part, index) => part === b[index])

const PERMISSIONS = 0o7777

const hasSameAttributes = (a: Entry, b: Entry, latest: number): boolean =>
  a.stats.uid === b.stats.uid &&
  a.stats.gid === b.stats.gid &&
  (a.stats.mode & PERMISSIONS) === (b.stats.mode & PERMISSIONS) &&
  secondsOf(a.stats, latest) === secondsOf(b.stats, latest) &&
  (a.kind === "link" || hasSameXattrs(a.hostPath, b.hostPath))

const hasSameXattrs = (a: string, b: string): boolean => {
  const [as, bs] = [attributesOf(a), attributesOf(b)]
  return (
    as.length === bs.length &&
    as.every(([name, value], index) => {
      const [otherName, otherValue] = bs[index] ?? []
      return name === otherName && otherValue !== undefined && Buffer.compare(value, otherValue) === 0
    })
  )
}

/** Whether something that is no directory is what it was. */
function* isUnchanged(a: Entry, b: Entry, latest: number): Generator<void, boolean, void> {
  if (a.hostPath === b.hostPath || isUntouched(a.stats, b.stats)) return true
  if (a.kind !== b.kind || !hasSameAttributes(a, b, latest)) return false
  switch (a.kind) {
    case "link":
      return Fs.readlinkSync(a.hostPath, "buffer").equals(Fs.readlinkSync(b.hostPath, "buffer"))
    case "file":
      return a.stats.size === b.stats.size && (yield* hasSameContent(a.hostPath, b.hostPath))
    default:
      return (
        (a.stats.mode & Fs.constants.S_IFMT) === (b.stats.mode & Fs.constants.S_IFMT) && a.stats.rdev === b.stats.rdev
      )
  }
}

/** One file, or a snapshot's of the same file, which keeps its number. */
const isOneInode = (a: Fs.Stats, b: Fs.Stats): boolean =>
  a.ino === b.ino && (a.dev === b.dev || (a.ctimeMs === b.ctimeMs && a.mtimeMs === b.mtimeMs && a.size === b.size))

/**
 * The same, of which nothing can have been changed: any change would have given
 * it another time, unless its file system only knows whole seconds.
 */
const isUntouched = (a: Fs.Stats, b: Fs.Stats): boolean =>
  isOneInode(a, b) && (a.dev === b.dev || b.ctimeMs % 1000 !== 0)

/** Bytes that are compared at a time. */
const PIECE = 256 * 1024

function* hasSameContent(a: string, b: string): Generator<void, boolean, void> {
  const flags = Fs.constants.O_RDONLY | Fs.constants.O_NOFOLLOW
  const [one, other] = [Buffer.allocUnsafe(PIECE), Buffer.allocUnsafe(PIECE)]
  const fd = Fs.openSync(a, flags)
  try {
    const otherFd = Fs.openSync(b, flags)
    try {
      for (;;) {
        const read = Fs.readSync(fd, one, 0, PIECE, null)
        const readOther = Fs.readSync(otherFd, other, 0, PIECE, null)
        if (Buffer.compare(one.subarray(0, read), other.subarray(0, readOther)) !== 0) return false
        if (read === 0) return true
        yield
      }
    } finally {
      Fs.closeSync(otherFd)
    }
  } finally {
    Fs.closeSync(fd)
  }
}
