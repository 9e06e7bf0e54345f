/**
 * A command's view of its root file system: the caches and secrets mounted at
 * their targets, and taken apart again, so that nothing of them is left in the
 * root.
 */
import * as Either from "effect/Either"
import type { SecretFile } from "../Sandbox.ts"
import * as FileTree from "./FileTree.ts"
import type { TreeCell } from "./MemoryRootfs.ts"

interface MountPoint {
  readonly names: ReadonlyArray<string>
  /** What the mount hides; `undefined` where the mount point had to be made. */
  readonly hidden: FileTree.Node | undefined
  /** How many of the directories on the way were there before. */
  readonly depth: number
  /** Where a cache goes back to; a secret goes nowhere. */
  readonly cell: TreeCell | undefined
}

export interface MountedTree {
  readonly tree: FileTree.Directory
  /** In the order in which they were mounted. */
  readonly points: ReadonlyArray<MountPoint>
}

export const mount = (
  root: FileTree.Directory,
  caches: ReadonlyArray<{ readonly target: string; readonly cell: TreeCell }>,
  secrets: ReadonlyArray<SecretFile>,
  owner: FileTree.Owner
): Either.Either<MountedTree, FileTree.TreeError> => {
  const mounts = [
    ...caches.map(({ target, cell }) => ({ target, cell, node: cell.tree })),
    ...secrets.map(({ target, content }) => ({
      target,
      cell: undefined,
      node: FileTree.file(content, owner, 0o400)
    }))
  ]
  let tree = root
  const points: Array<MountPoint> = []
  for (const { target, cell, node } of mounts) {
    const resolved = FileTree.resolve(tree, target)
    if (Either.isLeft(resolved)) return Either.left(resolved.left)
    const { names, node: hidden } = resolved.right
    const depth = existingDepth(tree, names)
    const above = FileTree.makeDirectories(tree, FileTree.join(names.slice(0, -1)), FileTree.rootOwner)
    if (Either.isLeft(above)) return Either.left(above.left)
    tree = FileTree.update(above.right.tree, names, () => node)
    points.push({ names, hidden, depth, cell })
  }
  return Either.right({ tree, points })
}

const existingDepth = (tree: FileTree.Directory, names: ReadonlyArray<string>): number => {
  let depth = 0
  while (depth < names.length && FileTree.lookup(tree, names.slice(0, depth + 1)) !== undefined) depth++
  return depth
}

/** The root as it is without the mounts, and each cache as the command left it. */
export const unmount = (
  mounted: MountedTree
): {
  readonly root: FileTree.Directory
  readonly caches: ReadonlyArray<{ readonly cell: TreeCell; readonly tree: FileTree.Directory }>
} => {
  let root = mounted.tree
  const caches: Array<{ readonly cell: TreeCell; readonly tree: FileTree.Directory }> = []
  for (const { names, hidden, depth, cell } of mounted.points.toReversed()) {
    const node = FileTree.lookup(root, names)
    if (cell !== undefined && node?._tag === "Directory") caches.push({ cell, tree: node })
    root = FileTree.update(root, names, () => hidden)
    // The directories that were made for the mount point go too, unless the command used them.
    for (let length = names.length - 1; length > depth; length--) {
      root = FileTree.update(root, names.slice(0, length), (existing) =>
        existing?._tag === "Directory" && existing.entries.size === 0 ? undefined : existing
      )
    }
  }
  return { root, caches }
}

/** Whether these names are a mount point, or lead to one. */
export const isBusy = (mounted: MountedTree, names: ReadonlyArray<string>): boolean =>
  mounted.points.some((point) => names.every((name, index) => point.names[index] === name))

/** Whether these names are a secret's, which nobody writes to. */
export const isReadOnly = (mounted: MountedTree, names: ReadonlyArray<string>): boolean =>
  mounted.points.some((point) => point.cell === undefined && FileTree.join(point.names) === FileTree.join(names))
