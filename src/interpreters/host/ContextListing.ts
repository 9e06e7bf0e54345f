/**
 * What a source directory holds, by name, type and mode, for importing a
 * Dockerfile: nothing is read but directories and links. Like `SourceDirectory`,
 * it never goes through a link that somebody puts in a directory's place.
 */
import * as Fs from "node:fs"
import { gunzipSync } from "node:zlib"
import { byName } from "../../domain/Manifest.ts"
import { type Ignore, isIgnored, mayHoldExceptions } from "../../domain/dockerfile/Dockerignore.ts"
import type { Archive, ContextEntry } from "../../domain/dockerfile/ImportFacts.ts"
import { codeOf } from "./IoError.ts"
import { readNames } from "./LayeredTree.ts"
import { OpenTree } from "./OpenTree.ts"
import { hasProc } from "./System.ts"

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = Fs.constants

/** Directories in directories; as many can be open at a time. */
const DEEPEST = 200

export class TooDeep extends Error {
  constructor(path: string) {
    super(`"${path}" is nested more than ${DEEPEST} directories deep`)
  }
}

export interface ListingOptions {
  /** Absolute; it may be a link to a directory. */
  readonly root: string
  readonly ignore: Ignore
  /** An absolute path that is not there for anybody who asks: a store's own. */
  readonly without?: string | undefined
}

/** What there is under a name in the source directory, or all of that for `""`. Throws Node's errors, and `TooDeep`. */
export function* listing(options: ListingOptions, name: string): Generator<void, ContextEntry | undefined, void> {
  const fd = Fs.openSync(options.root, O_RDONLY | O_DIRECTORY)
  try {
    const at = { handle: handleOf(fd, options.root), shown: options.root, path: "" }
    if (name !== "") return yield* child(options, at, name, 1)
    return {
      name: "",
      kind: "directory",
      mode: 0o755,
      target: "",
      entries: yield* held(options, at, 1),
      ignored: false
    }
  } finally {
    Fs.closeSync(fd)
  }
}

interface At {
  /** What reaches the directory. */
  readonly handle: string
  readonly shown: string
  /** In the source directory. */
  readonly path: string
}

const handleOf = (fd: number, path: string): string => (hasProc() ? `/proc/self/fd/${fd}` : path)

function* held(options: ListingOptions, at: At, depth: number): Generator<void, ReadonlyArray<ContextEntry>, void> {
  if (depth > DEEPEST) throw new TooDeep(at.path)
  const entries: Array<ContextEntry> = []
  // Sorted, so that patterns see what is in one directory in a row.
  for (const name of readNames(at.handle, at.shown).sort()) {
    const entry = yield* child(options, at, name, depth)
    if (entry !== undefined) entries.push(entry)
  }
  yield
  return entries.sort(byName)
}

function* child(
  options: ListingOptions,
  at: At,
  name: string,
  depth: number
): Generator<void, ContextEntry | undefined, void> {
  const shown = `${at.shown}/${name}`
  if (shown === options.without) return undefined
  const path = at.path === "" ? name : `${at.path}/${name}`
  const reach = `${at.handle}/${name}`
  try {
    const stats = Fs.lstatSync(reach, { throwIfNoEntry: false })
    if (stats === undefined) return undefined
    const ignored = isIgnored(options.ignore, path)
    const made = { name, mode: stats.mode & 0o7777, target: "", entries: [], ignored }
    if (stats.isFile()) return { ...made, kind: "file" }
    if (stats.isSymbolicLink()) return { ...made, kind: "link", target: Fs.readlinkSync(reach) }
    if (!stats.isDirectory()) return { ...made, kind: "other" }
    if (ignored && !mayHoldExceptions(options.ignore, path)) return { ...made, kind: "directory" }
    const fd = Fs.openSync(reach, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    try {
      const entries = yield* held(options, { handle: handleOf(fd, shown), shown, path }, depth + 1)
      return { ...made, kind: "directory", entries }
    } finally {
      Fs.closeSync(fd)
    }
  } catch (error) {
    // It went while the directory was being read: as if it had gone a moment earlier.
    const code = codeOf(error)
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return undefined
    throw error
  }
}

/** zlib's own: its constants cannot be had without loading it, which costs every start milliseconds. */
const Z_SYNC_FLUSH = 2

/** Enough for the header of a tar, compressed or not. */
const HEAD = 4096
const MAGIC_AT = 257

/** What Docker's ADD takes a file for: a tar, or one that is compressed. */
export const archiveAt = (root: string, path: string): Archive | undefined =>
  withFile(root, path, (fd) => {
    const head = Buffer.alloc(HEAD)
    const bytes = head.subarray(0, Fs.readSync(fd, head, 0, HEAD, 0))
    if (isTar(bytes)) return "plain"
    if (isTar(gunzipped(bytes))) return "gzip"
    return OTHERS.find(([, magic]) => bytes.subarray(0, magic.length).equals(magic))?.[0]
  })

const isTar = (bytes: Buffer): boolean => bytes.subarray(MAGIC_AT, MAGIC_AT + 5).toString("latin1") === "ustar"

/** What is compressed with them and is no tar is rare. */
const OTHERS: ReadonlyArray<readonly [Archive, Buffer]> = [
  ["bzip2", Buffer.from("BZh")],
  ["xz", Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0])],
  ["zstd", Buffer.from([0x28, 0xb5, 0x2f, 0xfd])]
]

const gunzipped = (bytes: Buffer): Buffer => {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return Buffer.alloc(0)
  try {
    // The head alone: what it lacks at its end is no mistake. It cannot become large.
    return gunzipSync(bytes, { finishFlush: Z_SYNC_FLUSH, maxOutputLength: HEAD * 1100 })
  } catch {
    return Buffer.alloc(0)
  }
}

const withFile = <A>(root: string, path: string, use: (fd: number) => A): A | undefined => {
  const files = new OpenTree(root)
  try {
    const fd = files.file(path)
    try {
      const stats = Fs.fstatSync(fd)
      return stats.isFile() ? use(fd) : undefined
    } finally {
      Fs.closeSync(fd)
    }
  } catch (error) {
    const code = codeOf(error)
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP" || code === "EMLINK") return undefined
    throw error
  } finally {
    files.close()
  }
}
