/**
 * What a `copy` copies: a tree of names, types, executable bits, content
 * digests and link targets. Times are not part of it, and owners and the rest
 * of the mode only for a copy that preserves them: else they do not reach the
 * result.
 */
import { type Digest, sha256 } from "./Digest.ts"
import { modeText, type Owner, ownerText, type Preserve } from "./Preserve.ts"

/** What a copy preserves of an entry; where it is not there, the entry becomes the step's. */
interface Preserved {
  /** 12 bits. No link has one. */
  readonly mode?: number
  readonly owner?: Owner
}

export interface FileNode extends Preserved {
  readonly _tag: "File"
  readonly name: string
  /** Any of the three executable bits is set. */
  readonly executable: boolean
  /** Bytes. */
  readonly size: number
  readonly digest: Digest
}

export interface LinkNode extends Omit<Preserved, "mode"> {
  readonly _tag: "Link"
  readonly name: string
  readonly target: string
}

export interface DirectoryNode extends Preserved {
  readonly _tag: "Directory"
  readonly name: string
  /** Sorted by name, in UTF-16 code unit order. */
  readonly entries: ReadonlyArray<ManifestNode>
  /** What is there in its place stays as it is; if nothing is, it is made like those on the way to it. */
  readonly stays?: true
}

export type ManifestNode = FileNode | LinkNode | DirectoryNode

/**
 * One item of a copy's `src`.
 *
 * `path` is the item's place in the source tree: components joined with `/`,
 * without `.`, `..` or empty ones; empty for the tree's own root. The root
 * node's `name` is the last component (empty for the root).
 */
export interface Manifest {
  readonly path: string
  readonly root: ManifestNode
}

/** The order of a directory's entries: UTF-16 code units, as RFC 8785 sorts keys. */
export const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0

const nodeLine = (node: ManifestNode): ReadonlyArray<unknown> => {
  switch (node._tag) {
    case "File":
      return ["file", node.name, node.executable, node.digest, ...preservedOf(node)]
    case "Link":
      return ["link", node.name, node.target, ...preservedOf(node)]
    case "Directory":
      return ["directory", node.name, directoryDigest(node), ...preservedOf(node)]
  }
}

/** A mode has four digits, an owner a colon: neither is taken for the other. */
const preservedOf = ({ mode, owner }: Preserved): ReadonlyArray<string> => [
  ...(mode === undefined ? [] : [modeText(mode)]),
  ...(owner === undefined ? [] : [ownerText(owner)])
]

/** A manifest is digested for its plan, and again when the plan is interpreted: directories are not done twice. */
const digests = new WeakMap<DirectoryNode["entries"], Digest>()

const directoryDigest = ({ entries }: DirectoryNode): Digest => {
  const known = digests.get(entries)
  if (known !== undefined) return known
  const computed = sha256(`obuilder-directory-v1\n${JSON.stringify(entries.map(nodeLine))}`)
  digests.set(entries, computed)
  return computed
}

/**
 * `Into`: each item keeps its name below the destination directory (`dst` ends
 * with `/`). `As`: the one item takes the destination's own name.
 */
export type DestinationForm = "Into" | "As"

/**
 * The digest of a copy's items, in their order. The one item of an `As` copy
 * counts without its name, which does not reach the result. Arrays of strings
 * and booleans only, for which `JSON.stringify` is RFC 8785's encoding.
 * Documented in `docs/plan-format.md`.
 */
export const digest = (items: ReadonlyArray<Manifest>, form: DestinationForm): Digest =>
  sha256(
    `obuilder-manifest-v1\n${JSON.stringify(
      items.map((item) => nodeLine(form === "As" ? { ...item.root, name: "" } : item.root))
    )}`
  )

/**
 * What a copy copies, of what its `src` names. With `(contents)`, below the destination, a directory
 * gives what it holds in place of itself. One that holds nothing still makes the destination.
 * With `(contents)` and `(preserve …)` its own mode and owner count nowhere: what it goes to stays as it is.
 */
export const copied = (
  { contents, preserve }: { readonly contents?: true | undefined; readonly preserve?: Preserve | undefined },
  named: ReadonlyArray<Manifest>,
  form: DestinationForm
): ReadonlyArray<Manifest> => {
  if (contents !== true) return named
  const items = preserve === undefined ? named : named.map(staying)
  return form === "As" ? items : items.flatMap(held)
}

const staying = ({ path, root }: Manifest): Manifest =>
  root._tag === "Directory"
    ? { path, root: { _tag: "Directory", name: root.name, entries: root.entries, stays: true } }
    : { path, root }

const held = (item: Manifest): ReadonlyArray<Manifest> => {
  const { path, root } = item
  if (root._tag !== "Directory") return [item]
  if (root.entries.length === 0) return [{ path, root: { ...root, name: "" } }]
  return root.entries.map((entry) => ({ path: path === "" ? entry.name : `${path}/${entry.name}`, root: entry }))
}

/** The number of entries below and including a node. */
export const count = (node: ManifestNode): number =>
  node._tag === "Directory" ? node.entries.reduce((sum, entry) => sum + count(entry), 1) : 1

/** The paths of an item's files in the source tree. */
export const filesOf = (item: Manifest): ReadonlyArray<string> => {
  const visit = (node: ManifestNode, path: string): ReadonlyArray<string> =>
    node._tag === "File"
      ? [path]
      : node._tag === "Link"
        ? []
        : node.entries.flatMap((entry) => visit(entry, path === "" ? entry.name : `${path}/${entry.name}`))
  return visit(item.root, item.path)
}
