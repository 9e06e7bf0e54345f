/**
 * What a copy copied, as it is kept beside its result: names, types, sizes, and
 * of each digest enough to tell it from another. Depth first, a row an entry, so
 * that no tree is too deep to be written or read.
 */
import { Digest } from "./Digest.ts"
import type { Manifest, ManifestNode } from "./Manifest.ts"
import { MODE_BITS, type Owner } from "./Preserve.ts"

/** Digits of a digest that are kept: as many as nobody meets by chance. */
export const KEPT_DIGITS = 20

/** More entries than this are not kept: it takes longer to say what changed than it is worth. */
export const MOST_ENTRIES = 100_000

/** What a copy preserves of an entry: its mode, and the numbers of its user and group. */
interface Preserved {
  readonly mode?: number
  readonly owner?: readonly [uid: number, gid: number]
}

/** The last of a row, if anything is preserved. */
type Last = readonly [Preserved?]

/** Of a file, a link, a directory; `depth` is 0 for an item itself. */
type Row =
  | readonly [depth: number, name: string, digest: string, size: number, executable: 0 | 1, ...Last]
  | readonly [depth: number, name: string, target: string, ...Last]
  | readonly [depth: number, name: string, ...Last]

/** An item of the copy's `src`. */
export interface KeptItem {
  readonly path: string
  readonly rows: ReadonlyArray<Row>
}

/** None where there is too much of it. */
export const keep = (items: ReadonlyArray<Manifest>): ReadonlyArray<KeptItem> | undefined => {
  let count = 0
  const kept: Array<KeptItem> = []
  for (const { path, root } of items) {
    const rows: Array<Row> = []
    const pending: Array<readonly [number, ManifestNode]> = [[0, root]]
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (++count > MOST_ENTRIES) return undefined
      const [depth, node] = next
      rows.push(rowOf(depth, node))
      if (node._tag !== "Directory") continue
      for (let at = node.entries.length - 1; at >= 0; at--) {
        const entry = node.entries[at]
        if (entry !== undefined) pending.push([depth + 1, entry])
      }
    }
    kept.push({ path, rows })
  }
  return kept
}

const rowOf = (depth: number, node: ManifestNode): Row => {
  const last = lastOf(node)
  switch (node._tag) {
    case "File":
      return [depth, node.name, node.digest.slice(0, KEPT_DIGITS), node.size, node.executable ? 1 : 0, ...last]
    case "Link":
      return [depth, node.name, node.target, ...last]
    case "Directory":
      return [depth, node.name, ...last]
  }
}

const lastOf = (node: ManifestNode): Last => {
  const mode = node._tag === "Link" ? undefined : node.mode
  const { owner } = node
  if (mode === undefined && owner === undefined) return []
  return [
    { ...(mode === undefined ? {} : { mode }), ...(owner === undefined ? {} : { owner: [owner.uid, owner.gid] }) }
  ]
}

/** The items again, with what is kept of their digests; none where that makes no tree. */
export const restore = (kept: unknown): ReadonlyArray<Manifest> | undefined => {
  if (!Array.isArray(kept)) return undefined
  const items: Array<Manifest> = []
  for (const item of kept as ReadonlyArray<Partial<Record<keyof KeptItem, unknown>> | null>) {
    if (typeof item?.path !== "string" || !Array.isArray(item.rows)) return undefined
    const root = treeOf(item.rows)
    if (root === undefined) return undefined
    items.push({ path: item.path, root })
  }
  return items
}

const treeOf = (rows: ReadonlyArray<unknown>): ManifestNode | undefined => {
  /** The directories that the next row may be in, from the item down. */
  const open: Array<Array<ManifestNode>> = []
  let root: ManifestNode | undefined
  for (const row of rows) {
    if (!Array.isArray(row)) return undefined
    const [depth, name, ...rest] = row as ReadonlyArray<unknown>
    if (!isCount(depth) || depth > open.length || typeof name !== "string") return undefined
    const made = nodeOf(name, rest)
    if (made === undefined) return undefined
    open.length = depth
    if (depth > 0) open[depth - 1]?.push(made.node)
    else if (root === undefined) root = made.node
    else return undefined
    if (made.entries !== undefined) open.push(made.entries)
  }
  return root
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

const KEPT_DIGEST = new RegExp(`^[0-9a-f]{${KEPT_DIGITS}}$`)

interface Made {
  readonly node: ManifestNode
  /** Of a directory: to be filled. */
  readonly entries?: Array<ManifestNode>
}

const nodeOf = (name: string, row: ReadonlyArray<unknown>): Made | undefined => {
  const { kept, rest } = preservedIn(row)
  const [text, size, executable] = rest
  if (text === undefined) {
    const entries: Array<ManifestNode> = []
    return { node: { _tag: "Directory", name, entries, ...kept }, entries }
  }
  if (typeof text !== "string") return undefined
  if (size === undefined) {
    const { owner } = kept
    return { node: { _tag: "Link", name, target: text, ...(owner === undefined ? {} : { owner }) } }
  }
  if (!isCount(size) || !KEPT_DIGEST.test(text) || (executable !== 0 && executable !== 1)) return undefined
  const digest = Digest.make(text, { disableValidation: true })
  return { node: { _tag: "File", name, digest, size, executable: executable === 1, ...kept } }
}

interface Kept {
  readonly mode?: number
  readonly owner?: Owner
}

/** What is preserved, of a row that may be anything, and the row without it. */
const preservedIn = (row: ReadonlyArray<unknown>): { readonly kept: Kept; readonly rest: ReadonlyArray<unknown> } => {
  const last = row.at(-1)
  if (typeof last !== "object" || last === null) return { kept: {}, rest: row }
  const { mode, owner } = last as Partial<Record<keyof Preserved, unknown>>
  const [uid, gid] = Array.isArray(owner) ? (owner as ReadonlyArray<unknown>) : []
  return {
    kept: {
      ...(isCount(mode) && mode <= MODE_BITS ? { mode } : {}),
      ...(isCount(uid) && isCount(gid) ? { owner: { uid, gid } } : {})
    },
    rest: row.slice(0, -1)
  }
}
