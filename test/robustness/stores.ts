/** The kinds of stores, as a user names them, each with what it needs and where it can be. */
import { datasetAt, disk, type DiskKind } from "../interpreters/store/disk.ts"
import type { Requirement } from "../requirements.ts"

export interface StoreKind {
  readonly name: string
  readonly needs: ReadonlyArray<Requirement>
  /** The file system that it wants; any, if there is none. */
  readonly disk: DiskKind | undefined
  /** The words that name a store at a path. */
  readonly words: (path: string) => ReadonlyArray<string>
}

const at =
  (kind: string, ...more: ReadonlyArray<string>) =>
  (path: string): ReadonlyArray<string> => [`--store=${kind}:${path}`, ...more]

export const storeKinds: ReadonlyArray<StoreKind> = [
  { name: "overlayfs", needs: ["overlay"], disk: undefined, words: at("overlayfs") },
  { name: "btrfs", needs: ["btrfs"], disk: "btrfs", words: at("btrfs") },
  { name: "xfs", needs: ["xfs"], disk: "xfs", words: at("xfs") },
  {
    name: "zfs",
    needs: ["zfs"],
    disk: "zfs",
    words: (path) => [`--store=zfs:${datasetAt(path)}`]
  },
  { name: "rsync", needs: [], disk: undefined, words: at("rsync") },
  { name: "rsync with hard links", needs: [], disk: undefined, words: at("rsync", "--rsync-mode=hardlink") }
]

/** Where such stores can be, from before the tests of the `describe` in which this is called until after them. */
export const placeFor = (kind: StoreKind, otherwise: string): { readonly path: string } =>
  kind.disk === undefined ? { path: otherwise } : disk(kind.disk)
