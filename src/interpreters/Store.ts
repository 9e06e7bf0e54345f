/**
 * Where results live. A result is what a step left: a root file system, its
 * parent, its log, and what the step was.
 *
 * Laws, held by `test/laws/store.ts` for every layer:
 * - A result appears complete or not at all, whatever is killed when.
 * - A failed or interrupted `build` leaves nothing.
 * - Two processes may use one store at the same time; of two that build the
 *   same id, the first to finish wins and the other's work is dropped.
 * - Temporary space is reclaimed only when its owner is dead.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { StepId } from "../domain/Digest.ts"
import type { DestinationForm, Manifest } from "../domain/Manifest.ts"
import type { User } from "../domain/Spec.ts"
import type { Inventory } from "./Inventory.ts"
import type { Rootfs } from "./Rootfs.ts"
import type { SourceError, SourceTree } from "./SourceTree.ts"

/** The store, or the disk below it, could not do what was asked. */
export class StoreError extends Data.TaggedError("StoreError")<{
  readonly message: string
  readonly hint: Option.Option<string>
  readonly cause: unknown
}> {}

/** No result has this id, or several do. */
export class UnknownId extends Data.TaggedError("UnknownId")<{
  readonly id: string
  /** What the prefix could mean; empty where nothing begins like it. */
  readonly candidates: ReadonlyArray<StepId>
}> {}

/** A copy met something in the image or in its source that it must not go past. */
export class CopyError extends Data.TaggedError("CopyError")<{
  readonly path: string
  readonly message: string
}> {}

/** Small texts beside a result, which say nothing of its content and go with it. `Notes.ts` says what is in them. */
export type NoteName = "recipe" | "settings" | "layers" | "manifest"

/** So many results at most are named by `StoreService.children`. */
export const MOST_CHILDREN = 64

/** What is kept with a result. */
export interface ResultInfo {
  readonly id: StepId
  readonly parent: Option.Option<StepId>
  /** What the step was, in one line: the heading that the log shows. */
  readonly heading: string
}

export interface CopyRequest {
  readonly source: SourceTree
  readonly items: ReadonlyArray<Manifest>
  readonly destination: { readonly form: DestinationForm; readonly path: string }
  readonly owner: User
}

/** A result in the making. */
export interface Workspace {
  /** For the sandbox, or for unpacking a base into. */
  readonly rootfs: Rootfs
  /**
   * Copies the items to the destination, an absolute path inside the image
   * that is resolved there and never through the image's links to the host.
   * What is copied belongs to the step's user; files become 0755 or 0644 by
   * their executable bit, directories 0755, also those that exist already.
   * What the manifest says of an entry's owner and mode holds instead. Directories
   * that only lie on the way keep their owner and mode, and so do the image's
   * root and what the manifest says is to stay. A file whose content is no longer what its manifest says
   * fails with `CopyError`.
   */
  readonly copy: (request: CopyRequest) => Effect.Effect<void, CopyError | SourceError | StoreError>
  /** Adds to the log that is kept with the result. */
  readonly log: (chunk: Uint8Array) => Effect.Effect<void, StoreError>
  /** Puts a note beside the result. */
  readonly note: (name: NoteName, text: string) => Effect.Effect<void, StoreError>
  /** What the log holds so far, as `StoreService.log`. Stays readable until the scope of `build` closes. */
  readonly readLog: (offset: number, limit: number) => Effect.Effect<Uint8Array, StoreError>
}

export interface LayerOptions {
  /** Whether all of the result's files are wanted, as for a result without a parent they always are. */
  readonly whole: boolean
  /** Seconds since 1970: later times are written, and compared, as this one. */
  readonly latest: Option.Option<number>
}

/** A writable copy of a cache, for one step. */
export interface CacheCopy {
  /** What to mount. */
  readonly rootfs: Rootfs
}

/** A result that another process is making. */
export interface Elsewhere {
  /** Its log so far, as `StoreService.log`. Valid while the scope is open. */
  readonly readLog: (offset: number, limit: number) => Effect.Effect<Uint8Array, StoreError>
  /** Waits until there may be more to read; false when the other is done, or dead. */
  readonly more: Effect.Effect<boolean, StoreError>
  /** Whether the result that is in the store is the one that was followed, if its log had anything in it. */
  readonly kept: Effect.Effect<boolean, StoreError>
}

export interface StoreService {
  /** How the user named the store, e.g. `overlayfs:/var/lib/obuilder`. */
  readonly name: string
  /** The result with this id, if it is here. Cheap: one look-up in memory or on disk. */
  readonly result: (id: StepId) => Effect.Effect<Option.Option<ResultInfo>, StoreError>
  /**
   * Says which results are about to be asked for: a store that has to ask
   * somebody else asks once. The others have no such thing.
   */
  readonly foresee?: ((ids: ReadonlyArray<StepId>) => Effect.Effect<void, StoreError>) | undefined
  /** The realised id that a planned id was found to mean, if it is known; its result may be gone. */
  readonly realised: (planned: StepId) => Effect.Effect<Option.Option<StepId>, StoreError>
  /** Remembers what a planned id means. */
  readonly realise: (planned: StepId, realised: StepId) => Effect.Effect<void, StoreError>
  /** The result that a realised id, a planned id or an unambiguous prefix of either names. */
  readonly find: (prefix: string) => Effect.Effect<ResultInfo, StoreError | UnknownId>
  /**
   * Keeps a result, and what it is built on, from being deleted by anybody for
   * as long as this store is open, or until it is let go of by `release`. False
   * where there is no such result (any more).
   */
  readonly hold: (id: StepId) => Effect.Effect<boolean, StoreError>
  /** What this fiber, and those that it forks, hold or make from now on is not let go of before the scope closes. */
  readonly using: Effect.Effect<void, never, Scope.Scope>
  /** Lets go of all that no use holds that goes on, and nobody reads. */
  readonly release: Effect.Effect<void, StoreError>
  /** Notes that a build took this result from the store: what was of no use for long goes first when room is made. */
  readonly used: (id: StepId) => Effect.Effect<void>
  /**
   * The results that were made on this one last, or, for none, the bases: the
   * newest first, each once, at most {@link MOST_CHILDREN}. Some may be gone. It
   * may lack some as well: it is a help for who looks for what a step was before.
   * Cheap, however much the store holds.
   */
  readonly children: (parent: Option.Option<StepId>) => Effect.Effect<ReadonlyArray<StepId>, StoreError>
  /** A result's log from `offset` bytes on, at most `limit` bytes; empty at its end. */
  readonly log: (id: StepId, offset: number, limit: number) => Effect.Effect<Uint8Array, StoreError | UnknownId>
  /** A note beside a result, if there is one. After a crash it may be damaged. */
  readonly note: (id: StepId, name: NoteName) => Effect.Effect<Option.Option<string>, StoreError>
  /** Puts a note beside a result, instead of what it said before. Nothing, where there is no such result. */
  readonly annotate: (id: StepId, name: NoteName, text: string) => Effect.Effect<void, StoreError>
  /** A result's root file system, to read. Valid while the scope is open. */
  readonly tree: (id: StepId) => Effect.Effect<SourceTree, StoreError | UnknownId, Scope.Scope>
  /**
   * A result's root file system as a reproducible tar, in chunks to `write`. Times
   * after `latest`, in seconds since 1970, are written as this. It ends with the
   * first failure of `write`.
   */
  readonly tar: <E = never>(
    id: StepId,
    write: (chunk: Uint8Array) => Effect.Effect<void, E>,
    latest?: Option.Option<number>
  ) => Effect.Effect<void, E | StoreError | UnknownId>
  /**
   * What a result's step changed, as the tar of an image's layer: with whiteouts,
   * and the directories on the way to what is changed. False, and no bytes, where
   * that is nothing. Stores of different kinds write the same bytes of the same trees.
   * It ends with the first failure of `write`.
   */
  readonly layer: <E = never>(
    id: StepId,
    write: (chunk: Uint8Array) => Effect.Effect<void, E>,
    options: LayerOptions
  ) => Effect.Effect<boolean, E | StoreError | UnknownId>
  /**
   * Takes the right to make a result until the scope closes, so that nobody does
   * the same work at the same time. Where somebody else has it: how to follow
   * what he does.
   */
  readonly claim: (id: StepId) => Effect.Effect<Option.Option<Elsewhere>, StoreError, Scope.Scope>
  /**
   * Makes a result: runs `fill` on a copy of `parent` (on an empty root for a
   * base), and keeps what it leaves if it succeeds; it is held then, as its
   * parent has to be before. The scope outlives the result's making: until it
   * closes, its log can be read through the workspace.
   */
  readonly build: <E, R>(
    info: ResultInfo,
    fill: (workspace: Workspace) => Effect.Effect<void, E, R>
  ) => Effect.Effect<void, E | StoreError, R | Scope.Scope>
  /**
   * A writable copy of the cache `name`, created empty and owned by `owner` if
   * there is none. When the scope closes it becomes the cache's new version,
   * whatever the step's outcome, unless another copy became it in the meantime.
   */
  readonly cache: (name: string, owner: User) => Effect.Effect<CacheCopy, StoreError, Scope.Scope>
  /** Removes what dead processes left, as far as that has not been done yet. Costs nothing where there is nothing. */
  readonly reclaim: Effect.Effect<void>
  /** For looking at what there is, and for making room. */
  readonly inventory: Inventory
}

export class Store extends Context.Tag("obuilder/Store")<Store, StoreService>() {}
