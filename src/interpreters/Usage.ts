/** What a store holds, and what that takes on the disk. */
import * as Effect from "effect/Effect"
import type { Footprint, StoredBlob, StoredCache, StoredResult } from "./Inventory.ts"
import { measureAll, type Telling, totalOf } from "./LifeCycle.ts"
import { lastUses, withAncestors } from "./Retention.ts"
import { Store, type StoreError } from "./Store.ts"

/** Its last use is also that of what is built on it. */
export interface Listed extends StoredResult {
  /** Whether a process holds it, or something built on it. */
  readonly inUse: boolean
}

/** All results, in no order. */
export const listed: Effect.Effect<ReadonlyArray<Listed>, StoreError, Store> = Effect.gen(function* () {
  const { inventory } = yield* Store
  const results = yield* inventory.results
  const busy = withAncestors(results, yield* inventory.held)
  const uses = lastUses(results)
  return results.map((result) => ({
    ...result,
    lastUsed: uses.get(result.id) ?? result.lastUsed,
    inUse: busy.has(result.id)
  }))
})

/** Bytes, and times in milliseconds since 1970. */
export interface Usage {
  /** How the user named the store. */
  readonly store: string
  /** Bytes that are free where the store is. */
  readonly free: number
  /** Bytes that all of it takes, as far as that can be said of what is shared. */
  readonly total: number
  readonly results: ReadonlyArray<Listed & Footprint>
  readonly caches: ReadonlyArray<StoredCache & Footprint>
  /** Layers of images from registries. */
  readonly layers: ReadonlyArray<Omit<StoredBlob, "size"> & Footprint>
}

/** Walks over results whose sizes are not known. */
export const usage = ({ measured }: Pick<Telling, "measured">): Effect.Effect<Usage, StoreError, Store> =>
  Effect.gen(function* () {
    const { inventory, name } = yield* Store
    const results = yield* listed
    const footprints = yield* measureAll(inventory, results, { measured })
    const caches = yield* Effect.forEach(yield* inventory.caches, (cache: StoredCache) =>
      Effect.map(inventory.cacheFootprint(cache.key), (footprint) => ({ ...cache, ...footprint }))
    )
    const layers = (yield* inventory.blobs).map(({ size, ...blob }) => ({ ...blob, unique: size, shared: 0 }))
    return {
      store: name,
      free: yield* inventory.free,
      total: totalOf(results, footprints) + [...caches, ...layers].reduce((sum, { unique }) => sum + unique, 0),
      layers,
      results: results.map((result) => ({ ...result, ...(footprints.get(result.id) ?? NOTHING) })),
      caches
    }
  })

const NOTHING: Footprint = { unique: 0, shared: 0 }
