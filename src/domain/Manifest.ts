/**
 * What a `copy` copies: a tree of names, types, executable bits, content
 * digests and link targets. Owners, times and the rest of the mode are not
 * part of it, because they do not reach the result.
 */
import { type Digest, sha256 } from "./Digest.ts"

export interface FileNode {
  readonly _tag: "File"
  readonly name: string
  /** Any of the three executable bits is set. */
  readonly executable: boolean
  /** Bytes. */
  readonly size: number
  readonly digest: Digest
}

export interface LinkNode {
  readonly _tag: "Link"
  readonly name: string
  readonly target: string
}

export interface DirectoryNode {
  readonly _tag: "Directory"
  readonly name: string
  /** Sorted by name, in UTF-16 code unit order. */
  readonly entries: ReadonlyArray<ManifestNode>
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
      return ["file", node.name, node.executable, node.digest]
    case "Link":
      return ["link", node.name, node.target]
    case "Directory":
      return ["directory", node.name, directoryDigest(node)]
  }
}

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
 */
export const copied = (
  { contents }: { readonly contents?: true | undefined },
  named: ReadonlyArray<Manifest>,
  form: DestinationForm
): ReadonlyArray<Manifest> => (contents !== true || form === "As" ? named : named.flatMap(held))

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
