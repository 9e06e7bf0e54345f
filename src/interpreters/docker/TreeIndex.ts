/** What a tar from an engine has in it, as a tree of nodes that a manifest can be made of. */
import { createHash, type Hash } from "node:crypto"
import { Digest } from "../../domain/Digest.ts"
import type { ByteSource } from "../base/ByteSource.ts"
import { TarReader } from "../base/TarReader.ts"
import type { TarEntry } from "../base/TarHeaders.ts"
import type { TreeNode } from "../host/ReadTree.ts"

export interface IndexNode {
  kind: "directory" | "file" | "link" | "other"
  mode: number
  uid: number
  gid: number
  size: number
  digest: string
  /** Of a link. */
  target: string
  readonly children: Map<string, IndexNode>
}

export const newNode = (kind: IndexNode["kind"]): IndexNode => ({
  kind,
  mode: kind === "directory" ? 0o755 : 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  digest: "",
  target: "",
  children: new Map()
})

/**
 * Reads all of a tar whose names begin with one component, that of what it was
 * made of. `isHidden` leaves out what is at a path below that; `path` is that of
 * the whole, without a slash at its end. `start` is what is known of the whole
 * where the tar does not say it.
 */
export const read = async (
  tar: ByteSource,
  path: string,
  isHidden: (path: string) => boolean,
  start?: IndexNode
): Promise<IndexNode | undefined> => {
  let root = start
  let current: IndexNode | undefined
  let hash: Hash | undefined
  const find = (names: ReadonlyArray<string>): IndexNode | undefined =>
    names.reduce<IndexNode | undefined>((node, name) => node?.children.get(name), root)
  const reader = new TarReader({
    entry: (entry) => {
      const names = namesOf(entry.path)
      current = undefined
      if (isHidden(`${path}/${names.join("/")}`.replace(/\/$/, ""))) return
      const node = nodeOf(entry, (target) => find(namesOf(target)))
      const name = names.at(-1)
      if (name === undefined) root = node
      else find(names.slice(0, -1))?.children.set(name, node)
      if (entry.type === "File") {
        current = node
        hash = createHash("sha256")
      }
    },
    data: (chunk) => void hash?.update(chunk),
    end: () => {
      if (current !== undefined && hash !== undefined) current.digest = hash.digest("hex")
      current = hash = undefined
    }
  })
  for await (const chunk of tar) reader.write(chunk)
  reader.end()
  return root
}

/** The names below the first one, which is that of the whole. */
export const namesOf = (path: string): ReadonlyArray<string> =>
  path
    .split("/")
    .slice(1)
    .filter((name) => name !== "" && name !== ".")

const KINDS: Readonly<Partial<Record<TarEntry["type"], IndexNode["kind"]>>> = {
  Directory: "directory",
  File: "file",
  Symlink: "link"
}

const nodeOf = (entry: TarEntry, linked: (path: string) => IndexNode | undefined): IndexNode => {
  // What is linked has come before, and is what was linked to.
  const same = entry.type === "HardLink" ? linked(entry.target) : undefined
  if (same !== undefined) return same
  const { gid, mode, size, target, uid } = entry
  return { ...newNode(KINDS[entry.type] ?? "other"), mode, uid, gid, size, target }
}

/** As the host's trees are read. */
export const treeNode = (node: IndexNode): TreeNode => ({
  kind: node.kind,
  stats: { mode: node.mode, size: node.size, uid: node.uid, gid: node.gid },
  child: (name) => {
    const child = node.children.get(name)
    return child === undefined ? undefined : treeNode(child)
  },
  names: () => [...node.children.keys()],
  link: () => node.target,
  recall: () => undefined,
  // eslint-disable-next-line require-yield
  hash: function* () {
    return Digest.make(node.digest)
  },
  close: () => undefined
})
