/**
 * What tells one kind of local store from another: how the root file systems of
 * its results are made. Everything else (what is known of results, their logs,
 * temporary space, who else is there) is the same for all: see `LocalStore.ts`.
 */
import type * as Effect from "effect/Effect"
import type { StepId } from "../../../domain/Digest.ts"
import type { PerhapsWork } from "../../host/Cooperate.ts"
import type { Rootfs } from "../../Rootfs.ts"
import type { StoreError } from "../../Store.ts"
import type { Layout } from "./Layout.ts"
import type { Meta } from "./Results.ts"

export interface Trees {
  /** What stands before the colon of `--store`, and in the store's `format` file. */
  readonly kind: string
  /** Fails where this kind of store cannot be at this place, which exists. May throw anything. */
  readonly check: (layout: Layout) => void
  /** Begins a tree in a directory that is there and empty. */
  readonly begin: (request: BeginTree) => Effect.Effect<Begun, StoreError>
  /** Makes the tree in this directory ready to be kept; it is not written to any more. */
  readonly finish: (directory: string, parent: string | undefined) => PerhapsWork
  /** Whether files of different results can share extents. */
  readonly extents: boolean
  /** How a cache's version is made, if versions are whole trees; otherwise they are layers of an overlayfs. */
  readonly whole: WholeTrees | undefined
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
}

export interface WholeTrees {
  /** Makes an empty one. */
  readonly create: (path: string) => void
  /** Makes a writable copy of one that nobody writes to. */
  readonly clone: (from: string, to: string) => PerhapsWork
}
