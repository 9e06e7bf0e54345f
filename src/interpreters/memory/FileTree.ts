/**
 * A file system as an immutable value: a snapshot of it is the value itself,
 * and a change shares what it does not touch with the tree it came from.
 *
 * Paths are absolute inside the tree; links are followed inside it, and `..`
 * stops at its root.
 */
import * as Data from "effect/Data"
import * as Either from "effect/Either"
import { sha256 } from "../../domain/Digest.ts"

export interface Owner {
  readonly uid: number
  readonly gid: number
}

export interface File extends Owner {
  readonly _tag: "File"
  /** The permission bits, e.g. `0o644`. */
  readonly mode: number
  /** Never changed in place. */
  readonly content: Uint8Array
}

export interface Link extends Owner {
  readonly _tag: "Link"
  readonly target: string
}

/** A FIFO, standing for all that is neither file, directory nor link. */
export interface Special extends Owner {
  readonly _tag: "Special"
  readonly mode: number
}

export interface Directory extends Owner {
  readonly _tag: "Directory"
  readonly mode: number
  readonly entries: ReadonlyMap<string, Node>
}

export type Node = File | Link | Special | Directory

/** A path that cannot be used as asked; `code` as the system calls have it. */
export class TreeError extends Data.TaggedError("TreeError")<{
  readonly code: "ENOENT" | "ENOTDIR" | "EISDIR" | "ELOOP" | "EEXIST"
  readonly path: string
}> {
  override get message(): string {
    return `${this.path}: ${meanings[this.code]}`
  }
}

const meanings = {
  ENOENT: "no such file or directory",
  ENOTDIR: "not a directory",
  EISDIR: "is a directory",
  ELOOP: "too many links",
  EEXIST: "exists"
} as const

/** Linux follows 40 links before it gives up. */
const MAX_LINKS = 40

export const rootOwner: Owner = { uid: 0, gid: 0 }

export const directory = (
  entries: ReadonlyMap<string, Node> = new Map(),
  owner: Owner = rootOwner,
  mode = 0o755
): Directory => ({ _tag: "Directory", mode, uid: owner.uid, gid: owner.gid, entries })

export const file = (content: string | Uint8Array, owner: Owner = rootOwner, mode = 0o644): File => ({
  _tag: "File",
  mode,
  uid: owner.uid,
  gid: owner.gid,
  content: typeof content === "string" ? new TextEncoder().encode(content) : content
})

export const link = (target: string, owner: Owner = rootOwner): Link => ({
  _tag: "Link",
  uid: owner.uid,
  gid: owner.gid,
  target
})

export const empty: Directory = directory()

/** What {@link make} makes an entry from; a text or bytes are a file's content. */
export type TreeInput =
  | string
  | Uint8Array
  | { readonly content: string | Uint8Array; readonly mode?: number; readonly uid?: number; readonly gid?: number }
  | { readonly link: string; readonly uid?: number; readonly gid?: number }
  | { readonly directory: true; readonly mode?: number; readonly uid?: number; readonly gid?: number }
  | { readonly special: true }

/**
 * A tree from its entries by path, e.g. `make({ "etc/motd": "hello\n", sh: { link: "bin/sh" } })`.
 * Directories on the way are made, 0755 and root's.
 */
export const make = (inputs: Readonly<Record<string, TreeInput>>): Directory => {
  let tree = empty
  for (const [path, input] of Object.entries(inputs)) {
    const names = components(path)
    const [node, parents] = [nodeOf(input), names.slice(0, -1)]
    for (let depth = 1; depth <= parents.length; depth++) {
      tree = update(tree, parents.slice(0, depth), (existing) => existing ?? empty)
    }
    tree = update(tree, names, (existing) =>
      node._tag === "Directory" && existing?._tag === "Directory" ? { ...node, entries: existing.entries } : node
    )
  }
  return tree
}

const nodeOf = (input: TreeInput): Node => {
  if (typeof input === "string" || input instanceof Uint8Array) return file(input)
  if ("special" in input) return { _tag: "Special", mode: 0o644, ...rootOwner }
  const owner = { uid: input.uid ?? 0, gid: input.gid ?? 0 }
  if ("link" in input) return link(input.link, owner)
  if ("directory" in input) return directory(new Map(), owner, input.mode ?? 0o755)
  return file(input.content, owner, input.mode ?? 0o644)
}

/** The components of a path, without empty ones and `.`. */
export const components = (path: string): ReadonlyArray<string> =>
  path.split("/").filter((name) => name !== "" && name !== ".")

export const join = (names: ReadonlyArray<string>): string => `/${names.join("/")}`

/** The node at these names, taken as they stand: links are not followed. */
export const lookup = (tree: Directory, names: ReadonlyArray<string>): Node | undefined => {
  let node: Node | undefined = tree
  for (const name of names) {
    if (node?._tag !== "Directory") return undefined
    node = node.entries.get(name)
  }
  return node
}

export interface Resolved {
  /** Without links, `.` and `..`; what they name need not exist. */
  readonly names: ReadonlyArray<string>
  readonly node: Node | undefined
}

/** Follows links, the last component's too unless told otherwise. What is missing is taken as it stands. */
export const resolve = (
  tree: Directory,
  path: string,
  options: { readonly followLast: boolean } = { followLast: true }
): Either.Either<Resolved, TreeError> => {
  const pending = components(path).toReversed()
  const names: Array<string> = []
  const trail: Array<Node | undefined> = [tree]
  let links = 0
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const here = trail.at(-1)
    if (here !== undefined && here._tag !== "Directory") {
      return Either.left(new TreeError({ code: "ENOTDIR", path: join(names) }))
    }
    if (name === "..") {
      if (names.pop() !== undefined) trail.pop()
      continue
    }
    const node = here?.entries.get(name)
    if (node?._tag === "Link" && (options.followLast || pending.length > 0)) {
      if (++links > MAX_LINKS) return Either.left(new TreeError({ code: "ELOOP", path }))
      if (node.target.startsWith("/")) {
        names.length = 0
        trail.length = 1
      }
      pending.push(...components(node.target).toReversed())
      continue
    }
    names.push(name)
    trail.push(node)
  }
  return Either.right({ names, node: trail.at(-1) })
}

/**
 * The tree with another node at these names, or none where `change` gives
 * `undefined`. The directories on the way exist; the root is changed only into
 * another directory.
 */
export const update = (
  tree: Directory,
  names: ReadonlyArray<string>,
  change: (existing: Node | undefined) => Node | undefined
): Directory => {
  const [name, ...rest] = names
  if (name === undefined) {
    const changed = change(tree)
    return changed?._tag === "Directory" ? changed : tree
  }
  const existing = tree.entries.get(name)
  const replacement =
    rest.length === 0 ? change(existing) : existing?._tag === "Directory" ? update(existing, rest, change) : existing
  if (replacement === existing) return tree
  const entries = new Map(tree.entries)
  if (replacement === undefined) entries.delete(name)
  else entries.set(name, replacement)
  return { ...tree, entries }
}

export interface Made {
  readonly tree: Directory
  /** Where the directory is, without links. */
  readonly names: ReadonlyArray<string>
}

/** Makes a directory and those on the way that are missing; those that exist stay as they are. */
export const makeDirectories = (
  tree: Directory,
  path: string,
  owner: Owner,
  mode = 0o755
): Either.Either<Made, TreeError> =>
  Either.flatMap(resolve(tree, path), ({ names, node }) => {
    if (node !== undefined && node._tag !== "Directory") {
      return Either.left(new TreeError({ code: "ENOTDIR", path: join(names) }))
    }
    let made = tree
    for (let depth = 1; depth <= names.length; depth++) {
      made = update(made, names.slice(0, depth), (existing) => existing ?? directory(new Map(), owner, mode))
    }
    return Either.right({ tree: made, names })
  })

/** One entry of {@link listing}; `digest` is that of a file's content. */
export interface Listed {
  readonly path: string
  readonly type: "file" | "directory" | "link" | "special"
  readonly mode: string
  readonly uid: number
  readonly gid: number
  readonly digest?: string
  readonly target?: string
}

/** All that can be told about a tree, sorted by path: two trees are the same when their listings are. */
export const listing = (tree: Directory): ReadonlyArray<Listed> => {
  const listed: Array<Listed> = []
  const visit = (names: ReadonlyArray<string>, node: Node): void => {
    const common = { path: join(names), uid: node.uid, gid: node.gid }
    switch (node._tag) {
      case "File":
        listed.push({ ...common, type: "file", mode: octal(node.mode), digest: sha256(node.content) })
        break
      case "Link":
        listed.push({ ...common, type: "link", mode: "0777", target: node.target })
        break
      case "Special":
        listed.push({ ...common, type: "special", mode: octal(node.mode) })
        break
      case "Directory":
        listed.push({ ...common, type: "directory", mode: octal(node.mode) })
        for (const [name, child] of sortedEntries(node)) visit([...names, name], child)
    }
  }
  visit([], tree)
  return listed
}

/** A directory's entries by name, in UTF-16 code unit order. */
export const sortedEntries = (node: Directory): ReadonlyArray<readonly [string, Node]> =>
  [...node.entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))

const octal = (mode: number): string => mode.toString(8).padStart(4, "0")

/** The text of a file, links followed; `undefined` where there is none. */
export const text = (tree: Directory, path: string): string | undefined => {
  const node = Either.getOrUndefined(resolve(tree, path))?.node
  return node?._tag === "File" ? new TextDecoder().decode(node.content) : undefined
}
