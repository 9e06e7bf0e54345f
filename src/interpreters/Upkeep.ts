/**
 * What keeps a store small: deleting, pruning, and what is known of what it holds.
 * The engine first lets go of what only builds have held that have ended.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Engine } from "./Engine.ts"
import * as LifeCycle from "./LifeCycle.ts"
import { Store, type StoreError, type UnknownId } from "./Store.ts"
import * as Usage from "./Usage.ts"

export interface RemovalOptions {
  /** Called for each result that is gone. */
  readonly onRemoved?: (one: LifeCycle.Removed) => Effect.Effect<void>
}

/** At least one of these, finite and not negative; where there are several, all of them hold. */
export type PruneLimits = {
  /** Removes only what was of no use since then: a date, or milliseconds since 1970. */
  readonly before?: Date | number
  /** Removes no more than it takes for all results, and layers of images, to have so many bytes or fewer. */
  readonly keepStorage?: number
  /** Removes no more results than so many. */
  readonly maxItems?: number
} & ({ readonly before: Date | number } | { readonly keepStorage: number } | { readonly maxItems: number })

/**
 * Deletes results, by their ids or what these begin with, and all that is built
 * on them; nothing at all where a process needs any of that.
 */
const remove = (
  ids: string | ReadonlyArray<string>,
  options: RemovalOptions = {}
): Effect.Effect<LifeCycle.Summary, StoreError | UnknownId | LifeCycle.ResultsInUse, Engine> =>
  withStore(
    Effect.gen(function* () {
      const { find } = yield* Store
      const results = yield* Effect.forEach(typeof ids === "string" ? [ids] : ids, find)
      return yield* LifeCycle.deleteResults(
        results.map(({ id }) => id),
        telling(options)
      )
    })
  )
export { remove as delete }

/**
 * Deletes what was of use longest ago, leaves first, within limits. What a process
 * needs stays. Without limits, or with such as `NaN`, it fails with a `StoreError`, and deletes nothing.
 */
export const prune = (
  limits: PruneLimits & RemovalOptions & { readonly dryRun?: boolean }
): Effect.Effect<LifeCycle.Summary, StoreError, Engine> => {
  const { before, dryRun = false, keepStorage, maxItems } = limits
  return withStore(
    LifeCycle.prune(
      {
        unusedSince: Option.map(Option.fromNullable(before), (date) => (date instanceof Date ? date.getTime() : date)),
        keepStorage: Option.fromNullable(keepStorage),
        maxItems: Option.fromNullable(maxItems)
      },
      telling(limits),
      { dryRun }
    )
  )
}

/** Deletes all results that no process needs, all caches, and whatever else only saves time. */
export const clean = (
  options: RemovalOptions = {}
): Effect.Effect<LifeCycle.Summary & { readonly caches: number }, StoreError, Engine> =>
  withStore(LifeCycle.clean(telling(options)))

/** Lets go of results that only builds held that have ended, so that others can delete them. */
export const release: Effect.Effect<void, StoreError, Engine> = Effect.flatMap(Engine, ({ store }) => store.release)

/** How many results the store has. */
export const count: Effect.Effect<number, StoreError, Engine> = Effect.flatMap(Engine, ({ store }) =>
  Effect.map(store.inventory.results, (results) => results.length)
)

/** What the store holds, what that takes, and what is free. Walks over results whose sizes are not known. */
export const df: Effect.Effect<Usage.Usage, StoreError, Engine> = Effect.flatMap(Engine, ({ store }) =>
  Effect.provideService(Usage.usage({ measured: () => Effect.void }), Store, store)
)

/** Bytes that are free where the store is. */
export const free: Effect.Effect<number, StoreError, Engine> = Effect.flatMap(
  Engine,
  ({ store }) => store.inventory.free
)

const telling = ({ onRemoved }: RemovalOptions): LifeCycle.Telling => ({
  removed: onRemoved ?? (() => Effect.void),
  measured: () => Effect.void
})

const withStore = <A, E>(effect: Effect.Effect<A, E, Store>): Effect.Effect<A, E | StoreError, Engine> =>
  Effect.flatMap(Engine, ({ store }) => Effect.zipRight(store.release, Effect.provideService(effect, Store, store)))
