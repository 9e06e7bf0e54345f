/** The root file system that the stores and sandboxes in memory hand to each other. */
import * as Option from "effect/Option"
import type { OpaqueRootfs, Rootfs } from "../Rootfs.ts"
import type * as FileTree from "./FileTree.ts"

/** A place that holds a tree: what a mount point is to a real sandbox. */
export class TreeCell {
  tree: FileTree.Directory

  constructor(tree: FileTree.Directory) {
    this.tree = tree
  }
}

export const toRootfs = (cell: TreeCell): OpaqueRootfs => ({ _tag: "Opaque", backend: "memory", value: cell })

/** The cell of a root file system, if it is one of these. */
export const fromRootfs = (rootfs: Rootfs): Option.Option<TreeCell> =>
  rootfs._tag === "Opaque" && rootfs.value instanceof TreeCell ? Option.some(rootfs.value) : Option.none()
