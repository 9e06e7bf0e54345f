/** Results as read-only subvolumes of btrfs, each a snapshot of its parent's. */
import type * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Btrfs from "../host/Btrfs.ts"
import type { Work } from "../host/Cooperate.ts"
import { namesIn } from "../host/Owners.ts"
import { asFarAsPossible, removeTree } from "../host/RemoveTree.ts"
import { LAYER, type Layout } from "./local/Layout.ts"
import * as WholeTree from "./local/WholeTree.ts"
import * as LocalStore from "./LocalStore.ts"

/** statfs(2) */
const BTRFS_MAGIC = 0x9123683e

const check = (layout: Layout): void => {
  if (Fs.statfsSync(layout.root).type === BTRFS_MAGIC) return
  throw LocalStore.unsuitable(
    `${layout.root} is not on btrfs`,
    "name a directory on btrfs, or use a store of another kind, such as overlayfs:PATH"
  )
}

/** Subvolumes are at most so deep in what is removed: a result's own in a process's space, and those of caches. */
const DEPTH = 3

function* destroy(path: string, depth: number): Work {
  if ((yield* Btrfs.destroySubvolume(path)) || depth === 0) return
  for (const name of namesIn(path)) yield* destroy(`${path}/${name}`, depth - 1)
}

const remove = (path: string): Effect.Effect<void> =>
  asFarAsPossible(function* () {
    yield* destroy(path, DEPTH)
    yield* removeTree(path)
  })

const trees = WholeTree.make({
  kind: "btrfs",
  extents: true,
  check,
  create: (path) => {
    Btrfs.createSubvolume(path)
    Fs.chmodSync(path, 0o755)
    return undefined
  },
  clone: (from, to) => {
    Btrfs.snapshotSubvolume(from, to)
    return undefined
  },
  finish: (directory) => {
    Btrfs.makeReadOnly(`${directory}/${LAYER}`)
    return undefined
  },
  remove
})

export const { layer, make } = LocalStore.of(trees)
