/** The kinds of stores whose results are on this machine, each with what it needs and where it can be. */
import type * as Layer from "effect/Layer"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as BtrfsStore from "../../../src/interpreters/store/BtrfsStore.ts"
import * as OverlayfsStore from "../../../src/interpreters/store/OverlayfsStore.ts"
import * as RsyncStore from "../../../src/interpreters/store/RsyncStore.ts"
import * as XfsStore from "../../../src/interpreters/store/XfsStore.ts"
import * as ZfsStore from "../../../src/interpreters/store/ZfsStore.ts"
import type { Store, StoreError } from "../../../src/interpreters/Store.ts"
import type { Requirement } from "../../requirements.ts"
import { datasetAt, type DiskKind } from "./disk.ts"

export interface Kind {
  readonly name: string
  readonly needs: ReadonlyArray<Requirement>
  /** The file system that it wants; any, if there is none. */
  readonly disk: DiskKind | undefined
  /** Removes a store's directory from a disk where that takes more than removing files. */
  readonly discard?: (path: string) => void
  /** What tells times of files apart there, in nanoseconds. */
  readonly timeStep?: bigint
  readonly layer: (path: string) => Layer.Layer<Store, StoreError>
}

/** Whose results are whole trees. */
export const wholeTrees: ReadonlyArray<Kind> = [
  { name: "btrfs", needs: ["root", "btrfs"], disk: "btrfs", layer: (path) => BtrfsStore.layer({ path }) },
  { name: "xfs", needs: ["root", "xfs"], disk: "xfs", layer: (path) => XfsStore.layer({ path }) },
  {
    name: "zfs",
    needs: ["root", "zfs"],
    disk: "zfs",
    // What is still busy goes with the pool.
    discard: (path) => void spawnSync("zfs", ["destroy", "-R", datasetAt(path)]),
    // zfs-fuse sets whole seconds only.
    timeStep: 1_000_000_000n,
    layer: (path) => ZfsStore.layer({ dataset: datasetAt(path) })
  },
  ...(["copy", "hardlink", "hardlink_unsafe"] as const).map((mode) => ({
    name: `rsync (${mode})`,
    needs: ["root"] as const,
    disk: undefined,
    layer: (path: string) => RsyncStore.layer({ path, mode })
  }))
]

export const kinds: ReadonlyArray<Kind> = [
  {
    name: "overlayfs",
    needs: ["root", "overlay"],
    disk: undefined,
    layer: (path) => OverlayfsStore.layer({ path })
  },
  ...wholeTrees
]

/** What is being made in a store: the directories that its processes have, and what is in them but their locks and marks. */
export const temporaryIn = (store: string): ReadonlyArray<string> => {
  const directory = `${store}/tmp`
  if (!Fs.existsSync(directory)) return []
  return Fs.readdirSync(directory).flatMap((owner) =>
    Fs.readdirSync(`${directory}/${owner}`)
      .filter((name) => name !== "lock" && name !== "holds")
      .map((name) => `${owner}/${name}`)
  )
}
