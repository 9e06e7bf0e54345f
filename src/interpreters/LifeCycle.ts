/**
 * Making room in a store: deleting a result with all that is built on it, or what
 * was of no use for long, or everything.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { StepId } from "../domain/Digest.ts"
import type { Fault, Footprint, Inventory, StoredBlob, StoredResult } from "./Inventory.ts"
import * as NumericLimits from "./Limits.ts"
import { leastUsedFirst, lastUses, withAncestors, withDescendants } from "./Retention.ts"
import { Store, type StoreError, UnknownId } from "./Store.ts"

/** Somebody is building on a result that was to be deleted, or reads it. */
export class ResultsInUse extends Data.TaggedError("ResultsInUse")<{
  readonly ids: ReadonlyArray<StepId>
}> {}

export interface Removed {
  readonly result: StoredResult
  /** Bytes that are free again. */
  readonly bytes: number
}

export interface Telling {
  /** Called for each result that is gone, or would be. */
  readonly removed: (one: Removed) => Effect.Effect<void>
  /** Called now and then while results are measured. */
  readonly measured: (done: number, of: number) => Effect.Effect<void>
}

/** What was removed, or would be. */
export interface Summary {
  readonly results: number
  /** Layers of images from registries. */
  readonly layers: number
  /** Bytes that are free again. */
  readonly bytes: number
  /** What would have gone as well, but for processes that hold it or build on it. */
  readonly inUse: number
}

/** At least one of them. Times are finite, the others finite and not negative. */
export interface Limits {
  /** Removes no more than it takes for all results, and layers of images, to have this many bytes or fewer. */
  readonly keepStorage: Option.Option<number>
  /** Removes only what was of no use since then, in milliseconds since 1970. */
  readonly unusedSince: Option.Option<number>
  /** Removes no more than so many. */
  readonly maxItems: Option.Option<number>
}

/**
 * Removes what was of use longest ago, leaves first, within limits: before
 * results, the layers of images, which can be fetched again. `dryRun` only tells.
 * Limits that are none fail with a `StoreError` before anything is looked at.
 */
export const prune = (
  limits: Limits,
  telling: Telling,
  { dryRun = false }: { readonly dryRun?: boolean } = {}
): Effect.Effect<Summary, StoreError, Store> =>
  Effect.gen(function* () {
    yield* checkLimits(limits)
    const { inventory } = yield* Store
    const blobs = yield* inventory.blobs
    const tooMuch = Option.isNone(limits.keepStorage)
      ? Number.POSITIVE_INFINITY
      : (yield* storage(inventory, yield* inventory.results, telling)) + sizeOf(blobs) - limits.keepStorage.value
    const isAbout = Option.isSome(limits.keepStorage) || Option.isSome(limits.unusedSince)
    const since = Option.getOrElse(limits.unusedSince, () => Number.POSITIVE_INFINITY)
    const old = isAbout ? blobs.filter(({ lastUsed }) => lastUsed < since) : []
    const layers = yield* removeBlobs(inventory, old, tooMuch, dryRun)
    const summary = yield* removeOldest(limits, tooMuch - layers.bytes, telling, dryRun)
    return { ...summary, layers: layers.count, bytes: summary.bytes + layers.bytes }
  })

const checkLimits = ({ keepStorage, maxItems, unusedSince }: Limits): Effect.Effect<void, StoreError> =>
  Option.isNone(keepStorage) && Option.isNone(maxItems) && Option.isNone(unusedSince)
    ? NumericLimits.refused("prune has no limit, and would delete everything", "give it one, or clean")
    : Effect.zipRight(
        NumericLimits.check({
          keepStorage: Option.getOrUndefined(keepStorage),
          maxItems: Option.getOrUndefined(maxItems)
        }),
        NumericLimits.checkTime("before", Option.getOrUndefined(unusedSince))
      )

const sizeOf = (blobs: ReadonlyArray<StoredBlob>): number => blobs.reduce((sum, { size }) => sum + size, 0)

/** Those used longest ago first, until so many bytes are free again. */
const removeBlobs = (
  inventory: Inventory,
  blobs: ReadonlyArray<StoredBlob>,
  enough: number,
  dryRun: boolean
): Effect.Effect<{ readonly count: number; readonly bytes: number }, StoreError> =>
  Effect.gen(function* () {
    let [count, bytes] = [0, 0]
    for (const { digest, size } of blobs.toSorted((a, b) => a.lastUsed - b.lastUsed)) {
      if (bytes >= enough) break
      if (!dryRun && !(yield* inventory.removeBlob(digest))) continue
      count++
      bytes += size
    }
    return { count, bytes }
  })

/** Stops when so many bytes are free again. */
const removeOldest = (
  limits: Omit<Limits, "keepStorage">,
  enough: number,
  telling: Telling,
  dryRun: boolean
): Effect.Effect<Summary, StoreError, Store> =>
  Effect.gen(function* () {
    const { inventory } = yield* Store
    const results = yield* inventory.results
    const busy = withAncestors(results, yield* inventory.held)
    const uses = lastUses(results)
    const since = Option.getOrElse(limits.unusedSince, () => Number.POSITIVE_INFINITY)
    const most = Option.getOrElse(limits.maxItems, () => Number.POSITIVE_INFINITY)
    const old = leastUsedFirst(results).filter(({ id }) => (uses.get(id) ?? 0) < since)
    const candidates = old.filter(({ id }) => !busy.has(id))
    const removing = new Removing(inventory, telling, dryRun)
    const isEnough = () => removing.chosen >= most || removing.bytes >= enough
    for (const candidate of candidates) {
      if (isEnough()) break
      yield* removing.add(candidate)
    }
    const { bytes, count } = yield* removing.end
    return { results: count, layers: 0, bytes, inUse: isEnough() ? 0 : old.length - candidates.length }
  })

/**
 * Removes what was of use longest ago, leaves first, until the disk has so many
 * bytes free. Some file systems free space a while after that: what results took
 * counts as free at once. Where all that may go is not enough, nothing goes, and
 * this is false.
 */
export const makeRoom = (bytes: number, telling: Telling): Effect.Effect<boolean, StoreError, Store> =>
  Effect.gen(function* () {
    yield* NumericLimits.check({ freeSpace: bytes })
    const { inventory } = yield* Store
    const lacking = bytes - (yield* inventory.free)
    if (lacking <= 0) return true
    const limits = { unusedSince: Option.none(), maxItems: Option.none() }
    const quiet = { ...telling, removed: () => Effect.void }
    const blobs = yield* inventory.blobs
    // What is not enough would be lost for nothing.
    const most = sizeOf(blobs) + (yield* removeOldest(limits, lacking, quiet, true)).bytes
    if (most < lacking) return false
    const layers = yield* removeBlobs(inventory, blobs, lacking, false)
    const { bytes: freed } = yield* removeOldest(limits, lacking - layers.bytes, telling, false)
    return layers.bytes + freed >= lacking || (yield* inventory.free) >= bytes
  })

/** Removes results and all that is built on them, or, where a process needs any of that, nothing. */
export const deleteResults = (
  ids: ReadonlyArray<StepId>,
  telling: Telling
): Effect.Effect<Summary, StoreError | UnknownId | ResultsInUse, Store> =>
  Effect.gen(function* () {
    const { inventory } = yield* Store
    const results = yield* inventory.results
    const missing = ids.find((id) => !results.some((one) => one.id === id))
    if (missing !== undefined) return yield* new UnknownId({ id: missing, candidates: [] })
    const doomed = withDescendants(results, new Set(ids))
    const held = yield* inventory.held
    const inUse = doomed.filter(({ id }) => held.has(id)).map(({ id }) => id)
    if (inUse.length > 0) return yield* new ResultsInUse({ ids: inUse })
    return yield* removeAll(inventory, doomed, telling)
  })

/** Removes all results but those that processes need, all caches, and whatever else only saves time. */
export const clean = (telling: Telling): Effect.Effect<Summary & { readonly caches: number }, StoreError, Store> =>
  Effect.gen(function* () {
    const { inventory } = yield* Store
    const results = yield* inventory.results
    const busy = withAncestors(results, yield* inventory.held)
    const summary = yield* removeAll(
      inventory,
      leastUsedFirst(results).filter(({ id }) => !busy.has(id)),
      telling
    )
    // What nobody can look at, because it is damaged or did not reach the disk, goes as well.
    const faults: Array<Fault> = []
    const fault = (one: Fault) => Effect.sync(() => faults.push(one))
    yield* inventory.check({ data: false, record: false }, { fault, measured: () => Effect.void })
    const { removed } = yield* repair(faults, telling)
    let [caches, bytes] = [0, summary.bytes]
    for (const { key } of yield* inventory.caches) {
      const { unique } = yield* inventory.cacheFootprint(key)
      if (!(yield* inventory.removeCache(key))) continue
      caches++
      bytes += unique
    }
    const layers = yield* removeBlobs(inventory, yield* inventory.blobs, Number.POSITIVE_INFINITY, false)
    yield* inventory.forgetImages
    yield* inventory.forgetFiles
    return {
      results: summary.results + removed,
      layers: layers.count,
      bytes: bytes + layers.bytes,
      caches,
      inUse: busy.size
    }
  })

/** What was done about faults. */
export interface Repaired {
  /** The faults that are still there. */
  readonly remaining: ReadonlyArray<Fault>
  /** Results that are gone: those that were wrong, and those that were built on them. */
  readonly removed: number
}

/** Removes what is wrong, and what is built on it, and nothing else. */
export const repair = (faults: ReadonlyArray<Fault>, telling: Telling): Effect.Effect<Repaired, StoreError, Store> =>
  Effect.gen(function* () {
    const { inventory } = yield* Store
    const wrong = new Set(faults.flatMap(({ what }) => (what._tag === "Result" ? [what.id] : [])))
    const results = yield* inventory.results
    const onWrong = results.filter(({ parent }) => Option.isSome(parent) && wrong.has(parent.value))
    const doomed = withDescendants(results, new Set([...wrong, ...onWrong.map(({ id }) => id)])).map(({ id }) => id)
    // What cannot be looked at comes last: nobody knows what it is built on.
    const all = [...doomed, ...[...wrong].filter((id) => !doomed.includes(id))]
    const gone = new Set<StepId>()
    const known = new Map(results.map((result) => [result.id, result]))
    const sizes = new Map<StepId, number>()
    for (const id of all) sizes.set(id, (yield* inventory.footprint(id)).unique)
    yield* inventory.remove(all, (id, removal) => {
      if (removal !== "Removed" && removal !== "Absent") return Effect.void
      gone.add(id)
      if (removal === "Absent") return Effect.void
      return telling.removed({ result: known.get(id) ?? damaged(id), bytes: sizes.get(id) ?? 0 })
    })
    for (const { what } of faults) {
      if (what._tag === "Cache") yield* inventory.removeCache(what.key)
      else if (what._tag === "Leftover") yield* inventory.removeLeftover(what.path)
    }
    yield* inventory.tidy
    return {
      remaining: faults.filter(({ what }) => what._tag === "Result" && !gone.has(what.id)),
      removed: gone.size
    }
  })

/** What is said of a result of which nothing can be read. */
const damaged = (id: StepId): StoredResult => ({
  id,
  parent: Option.none(),
  heading: "(damaged)",
  created: 0,
  lastUsed: 0,
  logSize: 0
})

/** Bytes that all results take together. What results share counts once in those that are built on one another. */
export const storage = (
  inventory: Inventory,
  results: ReadonlyArray<StoredResult>,
  { measured }: Pick<Telling, "measured">
): Effect.Effect<number, StoreError> =>
  Effect.map(measureAll(inventory, results, { measured }), (footprints) => totalOf(results, footprints))

/** Each result's footprint. */
export const measureAll = (
  inventory: Inventory,
  results: ReadonlyArray<StoredResult>,
  { measured }: Pick<Telling, "measured">
): Effect.Effect<ReadonlyMap<StepId, Footprint>, StoreError> =>
  Effect.gen(function* () {
    const footprints = new Map<StepId, Footprint>()
    for (const { id } of results) {
      footprints.set(id, yield* inventory.footprint(id))
      yield* measured(footprints.size, results.length)
    }
    return footprints
  })

/**
 * What is unique, and of what is shared in a tree of results that are built on
 * one another, the most that one of them has: what they share they have from
 * one base.
 */
export const totalOf = (results: ReadonlyArray<StoredResult>, footprints: ReadonlyMap<StepId, Footprint>): number => {
  const roots = new Map<StepId, StepId>()
  const shared = new Map<StepId, number>()
  let unique = 0
  // Parents come before their children.
  for (const { id, parent } of withDescendants(results, new Set(results.map((one) => one.id))).toReversed()) {
    const root = Option.match(parent, { onNone: () => id, onSome: (above) => roots.get(above) ?? id })
    roots.set(id, root)
    const footprint = footprints.get(id)
    unique += footprint?.unique ?? 0
    shared.set(root, Math.max(shared.get(root) ?? 0, footprint?.shared ?? 0))
  }
  return [...shared.values()].reduce((sum, bytes) => sum + bytes, unique)
}

const removeAll = (
  inventory: Inventory,
  results: ReadonlyArray<StoredResult>,
  telling: Telling
): Effect.Effect<Summary, StoreError> =>
  Effect.gen(function* () {
    const removing = new Removing(inventory, telling, false)
    for (const result of results) yield* removing.add(result)
    const { bytes, count } = yield* removing.end
    return { results: count, layers: 0, bytes, inUse: results.length - count }
  })

/** So many results are removed together at first, and later a part of those before: each time the store looks at all that it has. */
const AT_FIRST = 64
const PART = 1 / 4
const AT_MOST = 1024

/** Removes results that come one by one, children before their parents, many at a time. */
class Removing {
  /** So many were chosen, whatever becomes of them. */
  chosen = 0
  /** Bytes that are free again when all that was chosen has gone. */
  bytes = 0
  private count = 0
  private readonly gathered = new Map<StepId, Removed>()
  /** Those that something was built on that was chosen. */
  private readonly parents = new Set<StepId>()
  private readonly inventory: Inventory
  private readonly telling: Telling
  private readonly dryRun: boolean

  constructor(inventory: Inventory, telling: Telling, dryRun: boolean) {
    this.inventory = inventory
    this.telling = telling
    this.dryRun = dryRun
  }

  add(result: StoredResult): Effect.Effect<void, StoreError> {
    return Effect.gen(this, function* () {
      const footprint = yield* this.inventory.footprint(result.id)
      // Not measured again when its children are gone: some file systems notice that much later.
      const bytes = footprint.unique + (yield* this.inherited(result, footprint))
      this.gathered.set(result.id, { result, bytes })
      if (Option.isSome(result.parent)) this.parents.add(result.parent.value)
      this.chosen++
      this.bytes += bytes
      if (this.gathered.size >= Math.min(AT_MOST, Math.max(AT_FIRST, this.chosen * PART))) yield* this.flush
    })
  }

  /** Removes what is still to be removed, and says how much it was. */
  get end(): Effect.Effect<{ readonly count: number; readonly bytes: number }, StoreError> {
    return this.flush.pipe(
      Effect.zipRight(Effect.unless(this.inventory.tidy, () => this.dryRun || this.count === 0)),
      Effect.map(() => ({ count: this.count, bytes: this.bytes }))
    )
  }

  /** What a result shares, and its parent has not: it would be its own if its children, which come first, had gone. */
  private inherited(result: StoredResult, footprint: Footprint): Effect.Effect<number, StoreError> {
    if (footprint.shared === 0 || !this.parents.has(result.id)) return Effect.succeed(0)
    return Option.match(result.parent, {
      onNone: () => Effect.succeed(footprint.shared),
      onSome: (parent) =>
        Effect.map(this.inventory.footprint(parent), ({ shared, unique }) =>
          Math.max(0, footprint.shared - shared - unique)
        )
    })
  }

  private get flush(): Effect.Effect<void, StoreError> {
    return Effect.suspend(() => {
      const batch = new Map(this.gathered)
      this.gathered.clear()
      const gone = (one: Removed) => {
        this.count++
        return this.telling.removed(one)
      }
      if (this.dryRun) return Effect.forEach(batch.values(), gone, { discard: true })
      return this.inventory.remove([...batch.keys()], (id, removal) => {
        const one = batch.get(id)
        if (one === undefined) return Effect.void
        if (removal === "Removed") return gone(one)
        this.bytes -= one.bytes
        return Effect.void
      })
    })
  }
}
