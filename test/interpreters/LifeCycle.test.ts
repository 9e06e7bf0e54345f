import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import type { StepId } from "../../src/domain/Digest.ts"
import * as LifeCycle from "../../src/interpreters/LifeCycle.ts"
import * as FileTree from "../../src/interpreters/memory/FileTree.ts"
import * as MemorySession from "../../src/interpreters/memory/MemorySession.ts"
import * as MemoryStore from "../../src/interpreters/memory/MemoryStore.ts"
import * as MemoryWorld from "../../src/interpreters/memory/MemoryWorld.ts"
import { Store, type StoreService } from "../../src/interpreters/Store.ts"
import { id } from "../laws/storeSubject.ts"

/** A disk with results in it: each is built on an earlier one or on nothing, with a file of its own, and was of use at some time. */
interface Disk {
  readonly results: ReadonlyArray<{ readonly above: number; readonly bytes: number; readonly lastUsed: number }>
  readonly held: ReadonlyArray<number>
}

const disks: FastCheck.Arbitrary<Disk> = FastCheck.record({
  results: FastCheck.array(
    FastCheck.record({
      above: FastCheck.nat({ max: 20 }),
      bytes: FastCheck.nat({ max: 100 }),
      lastUsed: FastCheck.nat({ max: 50 })
    }),
    { maxLength: 20 }
  ),
  held: FastCheck.array(FastCheck.nat({ max: 19 }), { maxLength: 3 })
})

const nameOf = (index: number): StepId => id(String(index))

const worldOf = ({ results }: Disk): MemoryWorld.MemoryWorld => {
  const world = MemoryWorld.make()
  for (const [index, { above, bytes, lastUsed }] of results.entries()) {
    const parent = above < index ? Option.some(nameOf(above)) : Option.none<StepId>()
    const inherited = Option.flatMapNullable(parent, (one) => world.results.get(one)?.tree.entries)
    const own = FileTree.make({ [String(index)]: new Uint8Array(bytes) })
    const tree = { ...own, entries: new Map([...Option.getOrElse(inherited, () => []), ...own.entries]) }
    const info = { id: nameOf(index), parent, heading: `step ${index}` }
    world.results.set(info.id, { info, tree, log: new Uint8Array(0), notes: new Map(), created: 0, lastUsed })
  }
  return world
}

/** As another process, while the first one holds what the disk says. */
const inStore = <A, E>(world: MemoryWorld.MemoryWorld, disk: Disk, use: Effect.Effect<A, E, Store>) =>
  Effect.gen(function* () {
    const holder = MemoryStore.make(yield* MemorySession.open(world))
    yield* Effect.forEach(disk.held, (index) => holder.hold(nameOf(index)))
    const store: StoreService = MemoryStore.make(yield* MemorySession.open(world))
    return yield* Effect.provideService(use, Store, store)
  }).pipe(Effect.scoped, Effect.orDie, Effect.runSync)

const watched = () => {
  const removed: Array<StepId> = []
  const telling: LifeCycle.Telling = {
    removed: ({ result }) => Effect.sync(() => removed.push(result.id)),
    measured: () => Effect.void
  }
  return { removed, telling }
}

const nothing = { keepStorage: Option.none(), unusedSince: Option.none(), maxItems: Option.none() }

const bytesIn = (world: MemoryWorld.MemoryWorld, disk: Disk): number =>
  disk.results.reduce((sum, { bytes }, index) => sum + (world.results.has(nameOf(index)) ? bytes : 0), 0)

const expectWhole = (world: MemoryWorld.MemoryWorld): void => {
  for (const { info } of world.results.values()) {
    expect(Option.isNone(info.parent) || world.results.has(info.parent.value)).toBe(true)
  }
}

/** What has to stay: what is held, and what that is built on. */
const needed = (disk: Disk): ReadonlySet<StepId> => {
  const found = new Set<StepId>()
  for (const index of disk.held) {
    for (let one = index; one < disk.results.length;) {
      found.add(nameOf(one))
      const above = disk.results[one]?.above ?? one
      if (above >= one) break
      one = above
    }
  }
  return found
}

/** When each result, or one that is built on it, was of use. */
const uses = (disk: Disk): ReadonlyArray<number> => {
  const all = disk.results.map(({ lastUsed }) => lastUsed)
  for (let index = all.length - 1; index >= 0; index--) {
    const above = disk.results[index]?.above ?? index
    if (above < index) all[above] = Math.max(all[above] ?? 0, all[index] ?? 0)
  }
  return all
}

describe("pruning", () => {
  it.prop(
    "keeps to its limits, and whatever it removes is told, whole lines of it, and what was of use longest ago",
    [
      disks,
      FastCheck.option(FastCheck.nat({ max: 1500 })),
      FastCheck.option(FastCheck.nat({ max: 50 })),
      FastCheck.option(FastCheck.nat({ max: 20 }))
    ],
    ([disk, keep, since, most]) => {
      const limits = {
        keepStorage: Option.fromNullable(keep),
        unusedSince: Option.fromNullable(since),
        maxItems: Option.fromNullable(most)
      }
      const world = worldOf(disk)
      const before = bytesIn(world, disk)
      const { removed, telling } = watched()
      FastCheck.pre(Object.values(limits).some(Option.isSome))
      const summary = inStore(world, disk, LifeCycle.prune(limits, telling))
      expectWhole(world)
      expect(
        disk.results.flatMap((_, index) => (world.results.has(nameOf(index)) ? [] : [nameOf(index)])).sort()
      ).toEqual([...removed].sort())
      expect(summary.results).toBe(removed.length)
      expect(summary.bytes).toBe(before - bytesIn(world, disk))
      const stays = needed(disk)
      const all = uses(disk)
      const useOf = (one: StepId) => all.find((_, index) => nameOf(index) === one) ?? Number.NaN
      for (const one of removed) {
        expect(stays.has(one)).toBe(false)
        if (since !== null) expect(useOf(one)).toBeLessThan(since)
      }
      if (most !== null) expect(removed.length).toBeLessThanOrEqual(most)
      // It stops at nothing but a limit, what is needed, and what was of use too lately.
      const couldGo = disk.results.flatMap((_, index) =>
        world.results.has(nameOf(index)) && !stays.has(nameOf(index)) && (since === null || (all[index] ?? 0) < since)
          ? [nameOf(index)]
          : []
      )
      if (couldGo.length > 0) {
        expect((most !== null && removed.length === most) || (keep !== null && bytesIn(world, disk) <= keep)).toBe(true)
        for (const one of couldGo) expect(useOf(one)).toBeGreaterThanOrEqual(Math.max(-1, ...removed.map(useOf)))
      }
      // No more went than had to.
      const last = removed.at(-1)
      if (keep !== null && last !== undefined) {
        const bytes = disk.results.find((_, index) => nameOf(index) === last)?.bytes ?? 0
        expect(bytesIn(world, disk) + bytes).toBeGreaterThan(keep)
      }
    }
  )

  it.prop("only tells in a dry run, and tells the truth", [disks, FastCheck.nat({ max: 1500 })], ([disk, keep]) => {
    const limits = { ...nothing, keepStorage: Option.some(keep) }
    const [dry, real] = [watched(), watched()]
    const world = worldOf(disk)
    const said = inStore(world, disk, LifeCycle.prune(limits, dry.telling, { dryRun: true }))
    expect(world.results.size).toBe(disk.results.length)
    expect(inStore(world, disk, LifeCycle.prune(limits, real.telling))).toEqual(said)
    expect(real.removed).toEqual(dry.removed)
  })

  it.prop("makes as much room as is asked for, if it can", [disks, FastCheck.nat({ max: 3000 })], ([disk, bytes]) => {
    const world = worldOf(disk)
    world.capacity = 2000
    const { removed, telling } = watched()
    const isEnough = inStore(world, disk, LifeCycle.makeRoom(bytes, telling))
    const free = 2000 - bytesIn(world, disk)
    expectWhole(world)
    expect(isEnough).toBe(free >= bytes)
    // What would not be enough is not given up.
    if (!isEnough) expect(world.results.size).toBe(disk.results.length)
    const last = disk.results.find((_, index) => nameOf(index) === removed.at(-1))
    if (last !== undefined) expect(free - last.bytes).toBeLessThan(bytes)
  })
})

describe("deleting", () => {
  it.prop(
    "takes a result with all that is built on it, or, where some of it is needed, nothing",
    [disks, FastCheck.nat({ max: 19 })],
    ([disk, index]) => {
      const world = worldOf(disk)
      const { removed, telling } = watched()
      const isBuiltOn = (one: number): boolean => {
        const above = disk.results[one]?.above ?? one
        return one === index || (above < one && isBuiltOn(above))
      }
      const doomed = disk.results.flatMap((_, one) => (isBuiltOn(one) ? [nameOf(one)] : []))
      const outcome = inStore(world, disk, Effect.either(LifeCycle.deleteResults([nameOf(index)], telling)))
      expectWhole(world)
      if (index >= disk.results.length) expect(outcome).toMatchObject({ left: { _tag: "UnknownId" } })
      else if (doomed.some((one) => disk.held.map(nameOf).includes(one))) {
        expect(outcome).toMatchObject({ left: { _tag: "ResultsInUse" } })
        expect(world.results.size).toBe(disk.results.length)
      } else {
        expect(outcome).toMatchObject({ right: { results: doomed.length, inUse: 0 } })
        expect([...removed].sort()).toEqual([...doomed].sort())
        expect(world.results.size).toBe(disk.results.length - doomed.length)
      }
    }
  )

  it.prop("everything leaves only what is needed", [disks], ([disk]) => {
    const world = worldOf(disk)
    world.caches.set("c", { version: 1, tree: FileTree.make({ f: "12345" }), lastUsed: 0 })
    world.realised.set(id("planned"), nameOf(0))
    const before = bytesIn(world, disk)
    const summary = inStore(world, disk, LifeCycle.clean(watched().telling))
    expect(new Set(world.results.keys())).toEqual(needed(disk))
    expect(world.caches.size).toBe(0)
    expect(summary).toEqual({
      results: disk.results.length - world.results.size,
      layers: 0,
      bytes: before - bytesIn(world, disk) + 5,
      inUse: world.results.size,
      caches: 1
    })
    if (world.results.size < disk.results.length) {
      expect(world.realised.has(id("planned"))).toBe(world.results.has(nameOf(0)))
    }
  })
})
