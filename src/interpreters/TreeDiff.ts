/** What is other in the files of one result than in those of another: whatever store they are in. Reads only. */
import * as Effect from "effect/Effect"
import { createHash, type Hash } from "node:crypto"
import type { StepId } from "../domain/Digest.ts"
import { ImageProblem, problem } from "./base/ImageProblem.ts"
import { type TarEntry, type TarType } from "./base/TarHeaders.ts"
import { TarReader } from "./base/TarReader.ts"
import type { StoreError, StoreService, UnknownId } from "./Store.ts"

export type NodeType = "file" | "link" | "directory" | "character device" | "block device" | "fifo"

/** One thing about an entry that is other. */
export type Aspect =
  | { readonly _tag: "Type"; readonly before: NodeType; readonly after: NodeType }
  /** The twelve permission bits. */
  | { readonly _tag: "Mode"; readonly before: number; readonly after: number }
  /** `UID:GID`. */
  | { readonly _tag: "Owner"; readonly before: string; readonly after: string }
  /** Sizes in bytes. */
  | { readonly _tag: "Content"; readonly before: number; readonly after: number }
  | { readonly _tag: "Target"; readonly before: string; readonly after: string }
  /** `MAJOR:MINOR`. */
  | { readonly _tag: "Device"; readonly before: string; readonly after: string }
  | { readonly _tag: "Attribute"; readonly name: string; readonly is: "new" | "gone" | "other" }
  /** Seconds since 1970. */
  | { readonly _tag: "Time"; readonly before: number; readonly after: number }

export type TreeChange =
  /** `entries` counts what is in a directory. `size` is in bytes. */
  | {
      readonly _tag: "Added" | "Removed"
      readonly path: string
      readonly type: NodeType
      readonly size: number
      readonly entries: number
    }
  | { readonly _tag: "Changed"; readonly path: string; readonly aspects: ReadonlyArray<Aspect> }

interface Node {
  readonly entry: TarEntry
  readonly type: NodeType
  /** Of a file's content; empty for all else. */
  digest: string
}

/** All differences, by their absolute paths, a directory before what is in it. Several names of one file count as files. */
export const compare = (
  store: StoreService,
  before: StepId,
  after: StepId,
  options: { readonly times: boolean }
): Effect.Effect<ReadonlyArray<TreeChange>, StoreError | UnknownId | ImageProblem> =>
  Effect.gen(function* () {
    if (before === after) return []
    const was = yield* listing(store, before)
    const is = yield* listing(store, after)
    const found: Array<TreeChange> = []
    for (const [path, node] of is) {
      const then = was.get(path)
      if (then === undefined) found.push(single("Added", path, node))
      else {
        const aspects = aspectsOf(then, node, options.times)
        if (aspects.length > 0) found.push({ _tag: "Changed", path, aspects })
      }
    }
    for (const [path, node] of was) if (!is.has(path)) found.push(single("Removed", path, node))
    return folded(found.sort((a, b) => byKey(keyOf(a), keyOf(b))))
  })

const single = (_tag: "Added" | "Removed", path: string, { entry, type }: Node): TreeChange => ({
  _tag,
  path,
  type,
  size: entry.size,
  entries: 0
})

const byKey = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Puts what is in a directory right behind it. */
const keyOf = ({ path }: TreeChange): string => path.replaceAll("/", "\0")

/** Without what is in a directory that is new, or gone, as a whole. */
const folded = (sorted: ReadonlyArray<TreeChange>): ReadonlyArray<TreeChange> => {
  const kept: Array<TreeChange> = []
  for (const change of sorted) {
    const last = kept.at(-1)
    const isInside =
      last !== undefined &&
      last._tag !== "Changed" &&
      last._tag === change._tag &&
      last.type === "directory" &&
      change.path.startsWith(`${last.path}/`)
    if (isInside) kept[kept.length - 1] = { ...last, entries: last.entries + 1 }
    else kept.push(change)
  }
  return kept
}

const listing = (
  store: StoreService,
  id: StepId
): Effect.Effect<ReadonlyMap<string, Node>, StoreError | UnknownId | ImageProblem> =>
  Effect.suspend(() => {
    const nodes = new Map<string, Node>()
    const reader = new TarReader(visitor(nodes))
    const read = (chunk: Uint8Array): Effect.Effect<void, ImageProblem> =>
      Effect.try({
        try: () => reader.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)),
        catch: (error) =>
          error instanceof ImageProblem ? error : problem(`the files of ${id} cannot be read`, undefined, error)
      })
    return Effect.as(store.tar<ImageProblem>(id, read), nodes)
  })

const visitor = (nodes: Map<string, Node>) => {
  let hash: Hash | undefined
  let node: Node | undefined
  return {
    entry: (entry: TarEntry) => {
      const path = absolute(entry.path)
      const linked = entry.type === "HardLink" ? nodes.get(absolute(entry.target)) : undefined
      node = linked ?? { entry, type: typeOf(entry.type), digest: "" }
      nodes.set(path, node)
      hash = linked === undefined && entry.type === "File" ? createHash("sha256") : undefined
    },
    data: (chunk: Uint8Array) => {
      hash?.update(chunk)
    },
    end: () => {
      if (hash !== undefined && node !== undefined) node.digest = hash.digest("hex")
      hash = undefined
    }
  }
}

const absolute = (path: string): string => `/${path.replace(/^\.?\/+/, "").replace(/\/+$/, "")}`

const typeOf = (type: TarType): NodeType => {
  switch (type) {
    case "File":
    case "HardLink":
      return "file"
    case "Symlink":
      return "link"
    case "Directory":
      return "directory"
    case "CharacterDevice":
      return "character device"
    case "BlockDevice":
      return "block device"
    case "Fifo":
      return "fifo"
  }
}

const aspectsOf = (a: Node, b: Node, times: boolean): ReadonlyArray<Aspect> => {
  if (a.type !== b.type) return [{ _tag: "Type", before: a.type, after: b.type }]
  const [one, other] = [a.entry, b.entry]
  const found: Array<Aspect> = []
  // A link has no mode of its own.
  if (a.type !== "link" && one.mode !== other.mode) found.push({ _tag: "Mode", before: one.mode, after: other.mode })
  if (one.uid !== other.uid || one.gid !== other.gid) {
    found.push({ _tag: "Owner", before: `${one.uid}:${one.gid}`, after: `${other.uid}:${other.gid}` })
  }
  if (a.digest !== b.digest) found.push({ _tag: "Content", before: one.size, after: other.size })
  if (one.target !== other.target && a.type === "link") {
    found.push({ _tag: "Target", before: one.target, after: other.target })
  }
  if (one.major !== other.major || one.minor !== other.minor) {
    found.push({ _tag: "Device", before: `${one.major}:${one.minor}`, after: `${other.major}:${other.minor}` })
  }
  found.push(...attributeChanges(one, other))
  if (times && one.mtime !== other.mtime) found.push({ _tag: "Time", before: one.mtime, after: other.mtime })
  return found
}

const attributeChanges = (a: TarEntry, b: TarEntry): ReadonlyArray<Aspect> => {
  if (a.xattrs.length === 0 && b.xattrs.length === 0) return []
  const values = ({ xattrs }: TarEntry) =>
    new Map(xattrs.map(({ name, value }) => [name, Buffer.from(value).toString("latin1")]))
  const [was, is] = [values(a), values(b)]
  return [...new Set([...was.keys(), ...is.keys()])].sort().flatMap((name): ReadonlyArray<Aspect> => {
    const [then, now] = [was.get(name), is.get(name)]
    if (then === now) return []
    return [{ _tag: "Attribute", name, is: then === undefined ? "new" : now === undefined ? "gone" : "other" }]
  })
}
