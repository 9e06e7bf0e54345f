/**
 * What a `copy` would take from a tree of the host's: the same walk for a
 * source directory and for a result's stack of layers.
 */
import * as Option from "effect/Option"
import type * as Fs from "node:fs"
import type { Digest } from "../../domain/Digest.ts"
import { byName, type Manifest, type ManifestNode } from "../../domain/Manifest.ts"
import { MODE_BITS, type Owner, type Preserve } from "../../domain/Preserve.ts"
import { codeOf } from "./IoError.ts"
import type { Kind } from "./LayeredTree.ts"

/** An entry of such a tree. Nothing here follows links. */
export interface TreeNode {
  readonly kind: Kind
  readonly stats: Pick<Fs.Stats, "mode" | "size" | "uid" | "gid">
  readonly child: (name: string) => TreeNode | undefined
  readonly names: () => ReadonlyArray<string>
  readonly link: () => string
  /** A file's digest, if it was read before and has not changed since. */
  readonly recall: () => Digest | undefined
  /** Reads the file; its `stats` are then those that it was read with. */
  readonly hash: () => Generator<void, Digest, void>
  /** Gives back what `child` and `names` hold open. */
  readonly close: () => void
}

/** A `src` that is refused; the text is OBuilder's where OBuilder has one. */
export class Refused extends Error {
  readonly hint: Option.Option<string>

  constructor(message: string, hint?: string) {
    super(message)
    this.hint = Option.fromNullable(hint)
  }
}

const LINK_HINT = "it is a symbolic link, and none on the way is followed: write the path that it leads to"
const OTHER_HINT = "only files, directories and links can be copied"
const EXCLUDE_HINT = "leave it out by its name, with (exclude NAME) in the copy"

const EXECUTABLE = 0o111

/** What is left out of a tree, by base names, and what is told of the rest besides. */
interface Wanted {
  readonly exclude: ReadonlySet<string>
  readonly modes: boolean
  readonly owners: boolean
}

/** The manifest of `src` (as a spec has it) below `root`, which it closes. Throws `Refused`, or what the tree throws. */
export function* readManifest(
  root: TreeNode,
  src: string,
  exclude: ReadonlyArray<string>,
  preserve: Preserve = []
): Generator<void, Manifest, void> {
  const open = [root]
  try {
    if (src.includes("\0")) throw new Refused("a source path cannot hold a NUL character")
    const path: Array<string> = []
    let node = root
    const parts = src.split("/")
    for (const [index, part] of parts.entries()) {
      if (part === "" || part === ".") continue
      if (part === "..") throw new Refused(`Can't use .. in source paths! (in "${src}")`)
      const next = node.child(part)
      if (next === undefined) throw new Refused(`Source path "${src}" not found`)
      open.push(next)
      path.push(part)
      const last = index === parts.length - 1
      if (next.kind !== "directory" && !(last && next.kind !== "other")) {
        const what = next.kind === "file" ? "Not a directory" : "Not a regular file"
        const hint = next.kind === "link" ? LINK_HINT : next.kind === "other" ? OTHER_HINT : undefined
        throw new Refused(`${what}: ${path.join("/")} (in "${src}")`, hint)
      }
      node = next
    }
    const wanted = {
      exclude: new Set(exclude),
      modes: preserve.includes("modes"),
      owners: preserve.includes("owners")
    }
    return { path: path.join("/"), root: yield* readNode(node, path.at(-1) ?? "", path.join("/"), wanted) }
  } finally {
    for (const node of open) node.close()
  }
}

/** Entries of a directory between two chances to stop. */
const BATCH = 32

function* readNode(node: TreeNode, name: string, path: string, wanted: Wanted): Generator<void, ManifestNode, void> {
  switch (node.kind) {
    case "file": {
      const digest = yield* node.hash()
      // After hashing, the status is that of the file that was read.
      return fileNode(name, node.stats, digest, wanted)
    }
    case "link":
      return { _tag: "Link", name, target: node.link(), ...ownerOf(node.stats, wanted) }
    case "directory": {
      const entries: Array<ManifestNode> = []
      for (const child of node.names()) {
        if (wanted.exclude.has(child)) continue
        let next: TreeNode | undefined
        try {
          next = node.child(child)
          if (next === undefined) continue
          const known = next.recall()
          entries.push(
            known === undefined
              ? yield* readNode(next, child, path === "" ? child : `${path}/${child}`, wanted)
              : fileNode(child, next.stats, known, wanted)
          )
        } catch (error) {
          // It went while the directory was being read: as if it had gone a moment earlier.
          if (codeOf(error) !== "ENOENT") throw error
        } finally {
          next?.close()
        }
        if (entries.length % BATCH === 0) yield
      }
      return { _tag: "Directory", name, entries: entries.sort(byName), ...preservedOf(node.stats, wanted) }
    }
    case "other":
      throw new Refused(`"${path}" is neither a file, a directory nor a link, and cannot be copied`, EXCLUDE_HINT)
  }
}

const fileNode = (name: string, stats: TreeNode["stats"], digest: Digest, wanted: Wanted): ManifestNode => ({
  _tag: "File",
  name,
  executable: (stats.mode & EXECUTABLE) !== 0,
  size: stats.size,
  digest,
  ...preservedOf(stats, wanted)
})

/** Nothing more than is asked for: what is not there is in no digest. */
const preservedOf = (stats: TreeNode["stats"], wanted: Wanted): { readonly mode?: number; readonly owner?: Owner } =>
  wanted.modes ? { mode: stats.mode & MODE_BITS, ...ownerOf(stats, wanted) } : ownerOf(stats, wanted)

const ownerOf = ({ gid, uid }: TreeNode["stats"], { owners }: Wanted): { readonly owner?: Owner } =>
  owners ? { owner: { uid, gid } } : {}
