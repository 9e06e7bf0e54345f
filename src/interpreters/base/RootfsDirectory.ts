/**
 * Root file systems in a directory of the host.
 *
 * What names one is the SHA-256 of this text: the line `obuilder-rootfs-v1`,
 * then a line of JSON for each entry, a directory before what is in it, the
 * entries of a directory in the order of their names (UTF-16 code units):
 *
 *     [PATH, TYPE, MODE, UID, GID, XATTRS, …]
 *
 * PATH is relative, `/` between components, empty for the directory itself.
 * MODE holds the twelve permission bits. XATTRS are `[NAME, BASE64]` pairs, by
 * name, without overlayfs's own and those of the host's policy. What follows depends on TYPE: for `file` the
 * SHA-256 of the content, for `link` the target, for `char` and `block` the
 * device number as Linux encodes it, for `directory` and `fifo` nothing. A
 * further name of a file is `[PATH, "hardlink", PATH OF THE FIRST]`. Times are
 * not part of it.
 */
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import { Digest } from "../../domain/Digest.ts"
import { digestOf as digestOfFile, NotAFile } from "../host/HashFile.ts"
import type { HashMemo } from "../host/HashMemo.ts"
import { getXattr, listXattr, makeNode, setXattr } from "../host/Libc.ts"
import { copyAttributes } from "../host/Metadata.ts"
import { problem } from "./ImageProblem.ts"
import * as TreeStamp from "./TreeStamp.ts"
import * as Xattrs from "../host/Xattrs.ts"

const { COPYFILE_EXCL, COPYFILE_FICLONE } = Fs.constants

type Kind = "file" | "link" | "char" | "block" | "directory" | "fifo"

interface Entry {
  /** Relative to the root. */
  readonly path: string
  readonly host: string
  readonly kind: Kind
  readonly stats: Fs.Stats
  /** The path of an earlier name of the same file. */
  readonly sameAs: string | undefined
}

/**
 * Directories at a root that a store has made before anything was put there,
 * which may be file systems of their own, and whether they count.
 */
export type Given = ReadonlyMap<string, boolean>

/** Those in `root`, of which such count as `source` has too. */
export const givenIn = (root: string, source: string): Given =>
  new Map(
    Fs.readdirSync(root).map((name) => [
      name,
      Fs.lstatSync(`${source}/${name}`, { throwIfNoEntry: false })?.isDirectory() === true
    ])
  )

const NONE: Given = new Map()

/**
 * The digest of what is below `root`. Reads only; throws `ImageProblem`s and
 * errors of the system. A memo knows it where the status of every entry is what
 * it was: then nothing is read but names and statuses.
 */
export function* digestOf(root: string, memo?: HashMemo, given = NONE): Generator<void, Digest, void> {
  const now = Date.now()
  const stamp = memo === undefined ? undefined : yield* TreeStamp.of(root)
  const known = stamp === undefined ? undefined : memo?.recall(stamp)
  if (known !== undefined) return known
  const entries: Array<Entry> = []
  for (const entry of walk(root, given)) {
    entries.push(entry)
    yield
  }
  const digest = yield* digestOfEntries(entries, memo)
  if (stamp !== undefined && stamp.mtimeMs + COARSE_MS < now) memo?.remember(stamp, digest, now)
  return digest
}

/** For file systems whose times are whole seconds, or two of them. */
const COARSE_MS = 2100

function* digestOfEntries(entries: ReadonlyArray<Entry>, memo: HashMemo | undefined): Generator<void, Digest, void> {
  const hash = createHash("sha256").update("obuilder-rootfs-v1\n")
  for (const entry of entries) {
    hash.update(
      `${JSON.stringify(entry.sameAs === undefined ? yield* line(entry, memo) : [entry.path, "hardlink", entry.sameAs])}\n`
    )
    yield
  }
  return Digest.make(hash.digest("hex"), { disableValidation: true })
}

/** Copies what is below `root` into `target`, an empty directory, with everything that counts and the times. */
export function* copyTo(root: string, target: string): Generator<void, void, void> {
  if (`${Fs.realpathSync(target)}/`.startsWith(`${Fs.realpathSync(root)}/`)) {
    throw problem(`${root} holds the store itself, which cannot be copied into itself`)
  }
  const directories: Array<Entry> = []
  for (const entry of walk(root)) {
    const to = `${target}/${entry.path}`
    if (entry.sameAs !== undefined) Fs.linkSync(`${target}/${entry.sameAs}`, to)
    else if (entry.kind === "directory") directories.push(entry)
    else copyOne(entry, to)
    // Some stores have made some of them already, as file systems of their own.
    const isThere = entry.kind !== "directory" || Fs.lstatSync(to, { throwIfNoEntry: false })?.isDirectory() === true
    if (!isThere) Fs.mkdirSync(to, 0o700)
    yield
  }
  // Last and innermost first, since filling a directory changes its time.
  for (const { host, path, stats } of directories.reverse()) copyAttributes(host, `${target}/${path}`, stats)
}

const copyOne = ({ host, kind, stats }: Entry, to: string): void => {
  if (kind === "link") {
    Fs.symlinkSync(Fs.readlinkSync(host), to)
    Fs.lchownSync(to, stats.uid, stats.gid)
    for (const name of xattrNames(host)) setXattr(to, name, getXattr(host, name) ?? new Uint8Array())
    Fs.lutimesSync(to, stats.atime, stats.mtime)
    return
  }
  if (kind === "file") Fs.copyFileSync(host, to, COPYFILE_EXCL | COPYFILE_FICLONE)
  else makeNode(to, stats.mode, BigInt(stats.rdev))
  copyAttributes(host, to, stats)
}

/** Every entry, a directory before what is in it. */
function* walk(root: string, given = NONE): Generator<Entry, void, void> {
  const names = new Map<string, string>()
  const devices = new Set([Fs.statSync(root).dev])
  const pending = [""]
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const host = path === "" ? root : `${root}/${path}`
    // The directory that the reference names may be reached by a link; nothing below it is.
    const stats = path === "" ? Fs.statSync(host) : Fs.lstatSync(host)
    const kind = kindOf(host, stats)
    const shared = kind !== "directory" && stats.nlink > 1 ? `${stats.dev}:${stats.ino}` : undefined
    const sameAs = shared === undefined ? undefined : names.get(shared)
    if (shared !== undefined && sameAs === undefined) names.set(shared, path)
    if (given.has(path)) devices.add(stats.dev)
    if (kind === "directory" && !devices.has(stats.dev)) {
      throw problem(`another file system is mounted at ${host}`, "unmount it, or leave it out of the directory")
    }
    yield { path, host, kind, stats, sameAs }
    if (kind !== "directory") continue
    const below = entriesOf(host).sort().reverse()
    for (const name of below) {
      if (path !== "") pending.push(`${path}/${name}`)
      else if (given.get(name) !== false) pending.push(name)
    }
  }
}

const kindOf = (host: string, stats: Fs.Stats): Kind => {
  if (stats.isFile()) return "file"
  if (stats.isDirectory()) return "directory"
  if (stats.isSymbolicLink()) return "link"
  if (stats.isFIFO()) return "fifo"
  if (stats.isBlockDevice()) return "block"
  if (stats.isCharacterDevice() && stats.rdev !== 0) return "char"
  throw stats.isCharacterDevice()
    ? problem(`${host} is the character device 0:0`, "overlayfs takes such a node for a deletion: remove it")
    : problem(`${host} is a socket, which cannot be copied`, "stop the program that listens on it, and remove it")
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const text = (bytes: Buffer, where: string): string => {
  try {
    return utf8.decode(bytes)
  } catch (cause) {
    const latin1 = JSON.stringify(bytes.toString("latin1"))
    throw problem(`${where} has a name or a link target that is not UTF-8: ${latin1}`, "rename or remove it", cause)
  }
}

const entriesOf = (directory: string): Array<string> =>
  Fs.readdirSync(directory, { encoding: "buffer" }).map((name) => text(name, directory))

function* line(
  { host, kind, path, stats }: Entry,
  memo: HashMemo | undefined
): Generator<void, ReadonlyArray<unknown>, void> {
  const common = [path, kind, stats.mode & 0o7777, stats.uid, stats.gid, xattrs(host)]
  switch (kind) {
    case "file":
      return [...common, memo?.recall(stats) ?? (yield* fileDigest(host, memo))]
    case "link":
      return [...common, text(Fs.readlinkSync(host, { encoding: "buffer" }), host)]
    case "char":
    case "block":
      return [...common, stats.rdev]
    default:
      return common
  }
}

const xattrNames = (host: string): ReadonlyArray<string> =>
  listXattr(host)
    .filter((name) => !Xattrs.isOfStore(name) && !Xattrs.isOfHost(name))
    .toSorted()

const xattrs = (host: string): ReadonlyArray<readonly [string, string]> =>
  xattrNames(host).map((name) => [name, Buffer.from(getXattr(host, name) ?? []).toString("base64")])

function* fileDigest(host: string, memo: HashMemo | undefined): Generator<void, Digest, void> {
  try {
    return (yield* digestOfFile(host, memo)).digest
  } catch (error) {
    if (!(error instanceof NotAFile)) throw error
    throw problem(`${host} changed while it was read`, "try again when nobody writes there")
  }
}
