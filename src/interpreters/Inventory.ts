/**
 * What a store holds, for those who look at it and those who make room in it.
 *
 * Laws, held by `test/laws/storeInventory.ts` for every layer:
 * - Nothing goes that a process holds, is building on, or has been built upon:
 *   a result's parent is there for as long as it is.
 * - What is removed is gone at once, complete, and for everybody.
 */
import type * as Effect from "effect/Effect"
import type { StepId } from "../domain/Digest.ts"
import type { ResultInfo, StoreError } from "./Store.ts"

/** A result, and when it was of use. */
export interface StoredResult extends ResultInfo {
  /** Milliseconds since 1970. */
  readonly created: number
  /** When a build last took it, or something built on it, from the store, or made it. Milliseconds since 1970. */
  readonly lastUsed: number
  /** Bytes. */
  readonly logSize: number
}

/** Bytes on the disk. */
export interface Footprint {
  /** What would be free again if only this went. */
  readonly unique: number
  /** What others need as well. */
  readonly shared: number
}

/** What became of a result that was to be removed. */
export type Removal =
  | "Removed"
  /** There was none. */
  | "Absent"
  /** A process holds it. */
  | "InUse"
  /** It is the parent of a result that is still there. */
  | "BuiltOn"

export interface StoredCache {
  /** As a spec has it; `undefined` where only a digest of a long name is known. */
  readonly name: string | undefined
  /** As the store has it: another way to name it. */
  readonly key: string
  /** When a step last gave a copy back. Milliseconds since 1970. */
  readonly lastUsed: number
}

/** A layer of an image from a registry, or a part of one. It can be fetched again. */
export interface StoredBlob {
  /** 64 hexadecimal digits of SHA-256. */
  readonly digest: string
  /** Bytes on the disk. */
  readonly size: number
  /** When it was fetched, or last unpacked. Milliseconds since 1970. */
  readonly lastUsed: number
}

/** Something in a store that is not as it should be. */
export interface Fault {
  readonly what:
    | { readonly _tag: "Result"; readonly id: StepId }
    | { readonly _tag: "Cache"; readonly key: string }
    /** Something that belongs to nothing. */
    | { readonly _tag: "Leftover"; readonly path: string }
  /** What is wrong with it, as a phrase. */
  readonly message: string
}

export interface CheckOptions {
  /** Whether to compare the contents of results with the digests that are recorded of them. */
  readonly data: boolean
  /** Whether to record digests of those that are whole and have none yet. */
  readonly record: boolean
}

/** How many of each were looked at. */
export interface Checked {
  readonly results: number
  readonly caches: number
  /** Results whose content was compared with what was recorded. */
  readonly compared: number
  /** Results of which a digest was recorded just now. */
  readonly recorded: number
}

export interface Inventory {
  /** Whether there is a store at all: before the first build there is none. */
  readonly isThere: Effect.Effect<boolean, StoreError>
  /** All results, in no order. */
  readonly results: Effect.Effect<ReadonlyArray<StoredResult>, StoreError>
  /** The results that living processes hold. What those are built on is in use as well. */
  readonly held: Effect.Effect<ReadonlySet<StepId>, StoreError>
  /** Walks over the result, unless its size is known. Nothing, where there is none. */
  readonly footprint: (id: StepId) => Effect.Effect<Footprint, StoreError>
  /**
   * Removes results in this order: children have to come before their parents.
   * Tells what becomes of each as soon as that is certain; the space is free when
   * the effect ends. Interrupted, it leaves whole results, and nothing else.
   */
  readonly remove: (
    ids: ReadonlyArray<StepId>,
    tell: (id: StepId, removal: Removal) => Effect.Effect<void>
  ) => Effect.Effect<void, StoreError>
  /** Forgets what only removed results needed. To be done once after removing. */
  readonly tidy: Effect.Effect<void, StoreError>
  /** Forgets what is known of source directories' files. */
  readonly forgetFiles: Effect.Effect<void, StoreError>
  readonly caches: Effect.Effect<ReadonlyArray<StoredCache>, StoreError>
  readonly cacheFootprint: (key: string) => Effect.Effect<Footprint, StoreError>
  /** Forgets a cache. Steps that have a copy of it keep that, and what they leave is dropped. False where there is none. */
  readonly removeCache: (key: string) => Effect.Effect<boolean, StoreError>
  readonly blobs: Effect.Effect<ReadonlyArray<StoredBlob>, StoreError>
  /** Removes a layer, by its digest. Who is unpacking it goes on; one that is being fetched stays. False where nothing went. */
  readonly removeBlob: (digest: string) => Effect.Effect<boolean, StoreError>
  /** Forgets what is known of images in registries besides their layers: what tags meant, manifests, configurations. */
  readonly forgetImages: Effect.Effect<void, StoreError>
  /** Looks through all of the store, and tells what is wrong. Changes nothing but what it is to record. */
  readonly check: (
    options: CheckOptions,
    tell: {
      readonly fault: (fault: Fault) => Effect.Effect<void>
      readonly measured: (done: number, of: number) => Effect.Effect<void>
    }
  ) => Effect.Effect<Checked, StoreError>
  /** Removes what belongs to nothing. Only what `check` told. */
  readonly removeLeftover: (path: string) => Effect.Effect<void, StoreError>
  /** Free bytes where the store is; none where that has no limit. */
  readonly free: Effect.Effect<number, StoreError>
}
