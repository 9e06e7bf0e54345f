/**
 * What tells one kind of local store from another: how the root file systems of
 * its results are made. Everything else (what is known of results, their logs,
 * temporary space, who else is there) is the same for all: see `LocalStore.ts`.
 */
import type * as Effect from "effect/Effect"
import type { StepId } from "../../../domain/Digest.ts"
import type * as Scope from "effect/Scope"
import type { Pause, PerhapsWork, Work } from "../../host/Cooperate.ts"
import type { Footprint } from "../../Inventory.ts"
import type { Rootfs } from "../../Rootfs.ts"
import type { SourceTree } from "../../SourceTree.ts"
import type { StoreError, Workspace } from "../../Store.ts"
import type { Layout } from "./Layout.ts"
import type { Meta } from "./Results.ts"

export interface Trees {
  /** What stands before the colon of `--store`, and in the store's `format` file. */
  readonly kind: string
  /** Fails where this kind of store cannot be at this place, which exists. May throw anything. */
  readonly check: (layout: Layout) => void
  /** Makes what a new store needs besides its directories; two processes may do it at the same time. */
  readonly prepare?: (() => Work) | undefined
  /**
   * Says which open lock tells others that this process lives, for as long as it
   * has one: a program that works on trees holds it too, so that what a dead
   * process left is not looked for while somebody still works for him.
   */
  readonly hold?: ((lock: number | undefined) => void) | undefined
  /** Begins a tree in a directory that is there and empty. */
  readonly begin: (request: BeginTree) => Effect.Effect<Begun, StoreError>
  /** Makes the tree in this directory ready to be kept; it is not written to any more. */
  readonly finish: (directory: string, parent: string | undefined) => PerhapsWork
  /** Whether files of different results can share extents. */
  readonly extents: boolean
  /** How a cache's version is made, if versions are whole trees; otherwise they are layers of an overlayfs. */
  readonly whole: WholeTrees | undefined
  /**
   * Where finished trees can be read while the scope is open, if that is not
   * where they are kept. `temporary` as in {@link BeginTree}.
   */
  readonly read?:
    | ((
        directories: ReadonlyArray<string>,
        temporary: BeginTree["temporary"]
      ) => Effect.Effect<ReadonlyArray<string>, StoreError, Scope.Scope>)
    | undefined
  /** What the trees in a directory take on the disk, where walking over that does not tell. */
  readonly measure?: ((path: string) => Generator<Pause, Footprint>) | undefined
  /** Looks which trees there are, and gives what tells of a path whether one is there, where a directory does not tell. */
  readonly look?: (() => Generator<Pause, (path: string) => boolean>) | undefined
  /** A finished tree as a source of copies, where its files are not on the host. `path` is where it is kept. */
  readonly source?:
    | ((path: string, temporary: BeginTree["temporary"]) => Effect.Effect<SourceTree, StoreError, Scope.Scope>)
    | undefined
  /** Whether a finished tree is there, by where it is kept, where somebody else could have removed it. */
  readonly present?: ((path: string) => Effect.Effect<boolean, StoreError>) | undefined
  /** Says which trees are about to be asked for. */
  readonly foresee?: ((paths: ReadonlyArray<string>) => Effect.Effect<void, StoreError>) | undefined
  /** Removes what belongs to nobody, where that does not show in the store's directory. */
  readonly sweep?: (() => Work) | undefined
  /** Removes a directory with such trees in it; what cannot be removed is left to the next sweep. */
  readonly remove: (path: string) => Effect.Effect<void>
}

export interface BeginTree {
  readonly layout: Layout
  readonly directory: string
  readonly parent: { readonly id: StepId; readonly meta: Meta } | undefined
  /** Gives paths on the same file system where nothing is yet, for temporary things. */
  readonly temporary: Effect.Effect<string, StoreError>
}

export interface Begun {
  readonly rootfs: Rootfs
  /** What is written to: the result's own layer, or all of its tree. */
  readonly upper: string
  /** Names of the layers below, topmost first, as `Meta` has them. */
  readonly below: ReadonlyArray<string>
  /** How files are copied into it, where they are not on the host. */
  readonly copy?: Workspace["copy"]
}

export interface WholeTrees {
  /** Makes an empty one. */
  readonly create: (path: string) => PerhapsWork
  /** Makes a writable copy of one that nobody writes to. */
  readonly clone: (from: string, to: string) => PerhapsWork
  /** What a step mounts of one, if not a directory. */
  readonly rootfs?: ((path: string) => Rootfs) | undefined
  /** Gives an empty one an owner and a mode, if it is no directory. */
  readonly adopt?:
    | ((path: string, owner: { readonly uid: number; readonly gid: number }, mode: number) => PerhapsWork)
    | undefined
  /** Where the files of one that is being written to are, if not at its path. */
  readonly locate?: ((path: string) => string) | undefined
  /** The file system of ZFS that holds one that is being written to. */
  readonly dataset?: ((path: string) => string) | undefined
  /** Makes a cache's version ready to be cloned; nobody writes to it any more. */
  readonly seal?: ((path: string) => PerhapsWork) | undefined
  /** Makes a cache's newest version independent of older ones, which nobody uses and which are then removed. */
  readonly supersede?: ((older: ReadonlyArray<string>, newest: string) => PerhapsWork) | undefined
}
