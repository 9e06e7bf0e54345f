/**
 * A tree as a reproducible tar: entries sorted by name, so that the same tree
 * gives the same bytes.
 *
 * tar-stream writes the blocks. What its headers cannot say (binary extended
 * attributes, large ids, times outside of 1970 to 2242, long names) goes into a
 * pax record of our own before the entry: POSIX.1-2017, pax, "pax Extended
 * Header"; attributes as `SCHILY.xattr.NAME`, as GNU tar and OCI images have them.
 */
import * as Effect from "effect/Effect"
import type { Header, Pack } from "tar-stream"
import * as Fs from "node:fs"
import * as Cooperate from "./Cooperate.ts"
import { contentOf } from "./HashFile.ts"
import { type Entry, type LayeredTree } from "./LayeredTree.ts"
import * as PackedTar from "./PackedTar.ts"
import { paxEntry, type PaxRecord } from "./PaxRecords.ts"
import { attributesOf, type Change, changes, fileKey, secondsOf } from "./TreeChanges.ts"

/** What goes into a tar: an entry by its name, or a whiteout where there is none. */
type Item = Pick<Change, "name" | "entry">

export interface Manner<E> {
  /** What a failure to read becomes. */
  readonly onError: (error: unknown) => E
  /** Seconds since 1970: later times are written as this. */
  readonly latest: number
}

/**
 * Gives the tar of a tree in chunks to `write`; waits for each to be taken before
 * it reads on. In an image's layer some names mean something else.
 */
export const writeTree = <E, F>(
  tree: LayeredTree,
  kind: "tar" | "layer",
  write: (chunk: Uint8Array) => Effect.Effect<void, F>,
  { latest, onError }: Manner<E>
): Effect.Effect<void, E | F> =>
  PackedTar.write((stream) => fill(stream, all(tree), latest, kind === "layer"), write, onError)

/** Writes what has changed from one tree to another as an image's layer. False, and nothing, where that is nothing. */
export const writeChanges = <E, F>(
  before: LayeredTree,
  after: LayeredTree,
  write: (chunk: Uint8Array) => Effect.Effect<void, F>,
  { latest, onError }: Manner<E>
): Effect.Effect<boolean, E | F> =>
  Effect.gen(function* () {
    const found = yield* Cooperate.run(() => changes(before, after, latest), onError)
    if (found.length > 0) yield* PackedTar.write((stream) => fill(stream, found, latest, true), write, onError)
    return found.length > 0
  })

function* all(tree: LayeredTree): Generator<Item> {
  const pending: Array<{ readonly name: string; readonly entry: Entry }> = [{ name: "", entry: tree.root }]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    yield next
    const { entry, name } = next
    if (entry.kind !== "directory") continue
    const children = [...tree.children(entry)].sort(([a], [b]) => (a < b ? 1 : a > b ? -1 : 0))
    const prefix = name === "" ? "" : `${name}/`
    for (const [child, childEntry] of children) pending.push({ name: prefix + child, entry: childEntry })
  }
}

/** What the name of a whiteout begins with. */
const WHITEOUT = ".wh."

const fill = async (stream: Pack, items: Iterable<Item>, latest: number, isLayer: boolean): Promise<void> => {
  /** The first name of each file that has several, by device and inode. */
  const links = new Map<string, string>()
  for (const { entry, name } of items) {
    const last = name.slice(name.lastIndexOf("/") + 1)
    if (isLayer && last.startsWith(WHITEOUT)) throw new UnspeakableName(name)
    if (entry !== undefined) await put(stream, name === "" ? "./" : name, entry, links, latest)
    else await putWhiteout(stream, name.slice(0, name.length - last.length) + WHITEOUT + last)
  }
}

/** A file has a name that means something else in an image. */
export class UnspeakableName extends Error {
  constructor(name: string) {
    super(`/${name} cannot be in an image: there, a name that begins with "${WHITEOUT}" says that something is deleted`)
  }
}

const putWhiteout = (stream: Pack, name: string): Promise<void> => {
  const shortName = fits(name) ? name : "long-name"
  if (shortName !== name) stream.push(paxEntry([["path", name]]))
  return PackedTar.entry(stream, {
    name: shortName,
    mode: Fs.constants.S_IFREG | 0o644,
    uid: 0,
    gid: 0,
    mtime: EPOCH,
    type: "file",
    size: 0
  })
}

/** Ids up to this fit into the header's octal digits; times up to {@link MAX_TIME} seconds. */
const MAX_ID = 0o777777
const MAX_TIME = 0o77777777777
/** Bytes of a name that need no record. */
const MAX_NAME = 100
const put = async (
  stream: Pack,
  name: string,
  entry: Entry,
  links: Map<string, string>,
  latest: number
): Promise<void> => {
  const { stats, kind, hostPath } = entry
  if (stats.isSocket()) return
  const key = fileKey(stats)
  const linked = kind !== "directory" && stats.nlink > 1 ? links.get(key) : undefined
  if (kind !== "directory" && stats.nlink > 1 && linked === undefined) links.set(key, name)
  const target = linked ?? (kind === "link" ? Fs.readlinkSync(hostPath) : undefined)
  const seconds = secondsOf(stats, latest)
  const records: Array<PaxRecord> = []
  const shortName = fits(name) ? name : "long-name"
  const shortTarget = target === undefined || fits(target) ? target : "long-target"
  if (shortName !== name) records.push(["path", name])
  if (target !== undefined && shortTarget !== target) records.push(["linkpath", target])
  if (stats.uid > MAX_ID) records.push(["uid", String(stats.uid)])
  if (stats.gid > MAX_ID) records.push(["gid", String(stats.gid)])
  if (seconds < 0 || seconds > MAX_TIME) records.push(["mtime", String(seconds)])
  if (linked === undefined && kind !== "link") {
    for (const [attribute, value] of attributesOf(hostPath)) records.push([`SCHILY.xattr.${attribute}`, value])
  }
  // Between two entries the stream takes whole blocks as they are.
  if (records.length > 0) stream.push(paxEntry(records))
  const header: PackedTar.EntryHeader = {
    name: shortName,
    // The bits of the type keep tar-stream from taking mode 0 for a missing one; it writes the lower twelve.
    mode: stats.mode,
    uid: Math.min(stats.uid, MAX_ID),
    gid: Math.min(stats.gid, MAX_ID),
    mtime: seconds < 0 || seconds > MAX_TIME ? EPOCH : new Date(seconds * 1000)
  }
  if (linked !== undefined) return PackedTar.entry(stream, { ...header, type: "link", linkname: shortTarget ?? "" })
  switch (kind) {
    case "directory":
      return PackedTar.entry(stream, { ...header, type: "directory" })
    case "link":
      return PackedTar.entry(stream, { ...header, type: "symlink", linkname: shortTarget ?? "" })
    case "file":
      return putFile(stream, { ...header, type: "file", size: stats.size }, hostPath)
    case "other":
      return PackedTar.entry(stream, { ...header, ...device(stats) })
  }
}

const EPOCH = new Date(0)

const fits = (text: string): boolean => Buffer.byteLength(text) < MAX_NAME && /^[\x20-\x7e]*$/.test(text)

const device = (stats: Fs.Stats): Partial<Header> =>
  stats.isFIFO()
    ? { type: "fifo" }
    : {
        type: stats.isBlockDevice() ? "block-device" : "character-device",
        // glibc's gnu_dev_major and gnu_dev_minor, for the numbers that Node's doubles hold.
        devmajor: Math.floor(stats.rdev / 256) % 4096,
        devminor: (stats.rdev % 256) + 256 * (Math.floor(stats.rdev / 2 ** 20) % 4096)
      }

/** Files up to this many bytes are given to tar-stream in one piece. */
const SMALL = 1 << 20

const putFile = async (
  stream: Pack,
  header: PackedTar.EntryHeader & { readonly size: number },
  path: string
): Promise<void> => {
  const fd = Fs.openSync(path, Fs.constants.O_RDONLY | Fs.constants.O_NOFOLLOW)
  try {
    if (header.size <= SMALL) await PackedTar.entry(stream, header, Fs.readFileSync(fd))
    else await PackedTar.longEntry(stream, header, pieces(fd))
  } finally {
    Fs.closeSync(fd)
  }
}

/** The shared buffer is filled again while the stream still holds what it was given. */
function* pieces(fd: number): Generator<Uint8Array> {
  for (const piece of contentOf(fd)) yield Buffer.from(piece)
}
