/** The laws of `StoreService.hold`, `used` and `inventory`. */
import { expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { StepId } from "../../src/domain/Digest.ts"
import { root } from "../../src/domain/Spec.ts"
import type { StoredResult } from "../../src/interpreters/Inventory.ts"
import type { StoreService } from "../../src/interpreters/Store.ts"
import { id, make, type MakeSubject, open, opened } from "./storeSubject.ts"
import { contents } from "./tar.ts"

/** Removes results in this order, and tells what became of each. */
const remove = (store: StoreService, ...names: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const told: Array<string> = []
    yield* store.inventory.remove(names.map(id), (one, removal) =>
      Effect.sync(() => told.push(`${names.find((name) => id(name) === one) ?? one}: ${removal}`))
    )
    return told
  })

const byId = (store: StoreService) =>
  Effect.map(store.inventory.results, (all) => new Map<StepId, StoredResult>(all.map((one) => [one.id, one])))

/** A store that another process has filled, with `base`, `left` and `right` on it, and `leaf` on `left`. */
const filled = (makeSubject: MakeSubject) =>
  Effect.gen(function* () {
    const subject = yield* makeSubject
    yield* Effect.scoped(
      Effect.flatMap(open(subject), (store) =>
        Effect.forEach(
          [["base"], ["left", "base"], ["right", "base"], ["leaf", "left"]] as const,
          ([name, parent]) =>
            make(store, name, parent, ({ log, rootfs }) =>
              Effect.zipRight(subject.files.put(rootfs, { [name]: name }), log(new TextEncoder().encode(name)))
            ),
          { discard: true }
        )
      )
    )
    return { subject, store: yield* open(subject) }
  })

/** Registers the laws as tests. */
export const storeInventoryLaws = (makeSubject: MakeSubject): void => {
  it.scopedLive("a store that is not there holds nothing", () =>
    Effect.gen(function* () {
      const { store } = yield* opened(makeSubject)
      expect(yield* store.inventory.results).toEqual([])
      expect(yield* store.inventory.caches).toEqual([])
      expect([...(yield* store.inventory.held)]).toEqual([])
      expect(yield* store.inventory.footprint(id("x"))).toEqual({ unique: 0, shared: 0 })
      expect(yield* store.inventory.removeCache("c-x")).toBe(false)
      expect(yield* store.inventory.free).toBeGreaterThan(0)
    })
  )

  it.scopedLive("all results are listed, with what they are, and when they were made and used", () =>
    Effect.gen(function* () {
      const { store, subject } = yield* filled(makeSubject)
      const before = yield* byId(store)
      expect([...before.keys()].sort()).toEqual(["base", "leaf", "left", "right"].map(id).sort())
      expect(before.get(id("leaf"))).toMatchObject({
        parent: Option.some(id("left")),
        heading: "step leaf",
        logSize: 4
      })
      const uses = [...before.values()].map(({ lastUsed }) => lastUsed)
      yield* store.used(id("right"))
      const right = (yield* byId(store)).get(id("right"))
      expect(right?.lastUsed).toBeGreaterThanOrEqual(Math.max(...uses) - (subject.timeStep ?? 1) + 1)
      expect(right?.created).toBe(before.get(id("right"))?.created)
      // Of what is not there.
      yield* store.used(id("nothing"))
    })
  )

  it.scopedLive("leaves go, and their parents after them, for all processes and with nothing left", () =>
    Effect.gen(function* () {
      const { store, subject } = yield* filled(makeSubject)
      const other = yield* open(subject)
      expect(yield* other.result(id("leaf"))).not.toEqual(Option.none())
      expect(yield* remove(store, "leaf", "left", "leaf")).toEqual(["leaf: Removed", "left: Removed", "leaf: Absent"])
      for (const one of [store, other]) {
        expect([...(yield* byId(one)).keys()].sort()).toEqual(["base", "right"].map(id).sort())
        expect(yield* one.result(id("leaf"))).toEqual(Option.none())
        expect(yield* Effect.flip(one.log(id("leaf"), 0, 10))).toMatchObject({ _tag: "UnknownId" })
        expect(yield* one.hold(id("leaf"))).toBe(false)
      }
      expect(Object.keys(yield* contents(other, id("right")))).toEqual(["/base", "/right"])
      expect(yield* subject.temporary).toEqual([])
      // And can be made again.
      yield* make(other, "left", "base", () => Effect.void)
      expect(Object.keys(yield* contents(store, id("left")))).toEqual(["/base"])
    })
  )

  it.scopedLive("what something is built on stays", () =>
    Effect.gen(function* () {
      const { store, subject } = yield* filled(makeSubject)
      expect(yield* remove(store, "base", "left", "right", "base")).toEqual([
        "base: BuiltOn",
        "left: BuiltOn",
        "right: Removed",
        "base: BuiltOn"
      ])
      // Also when another process has built it since this one looked.
      yield* Effect.scoped(Effect.flatMap(open(subject), (other) => make(other, "new", "leaf", () => Effect.void)))
      expect(yield* remove(store, "leaf")).toEqual(["leaf: BuiltOn"])
      expect(Object.keys(yield* contents(store, id("new")))).toEqual(["/base", "/leaf", "/left"])
    })
  )

  it.scopedLive("what a process holds stays, for as long as it has the store open", () =>
    Effect.gen(function* () {
      const { store, subject } = yield* filled(makeSubject)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const other = yield* open(subject)
          expect(yield* other.hold(id("leaf"))).toBe(true)
          expect([...(yield* store.inventory.held)]).toEqual([id("leaf")])
          expect(yield* remove(store, "leaf", "right")).toEqual(["leaf: InUse", "right: Removed"])
          // One's own as well.
          expect(yield* remove(other, "leaf")).toEqual(["leaf: InUse"])
        })
      )
      expect([...(yield* store.inventory.held)]).toEqual([])
      expect(yield* remove(store, "leaf")).toEqual(["leaf: Removed"])
    })
  )

  it.scopedLive("what a process has held it can let go of, but for what a use has held that goes on", () =>
    Effect.gen(function* () {
      const { store, subject } = yield* filled(makeSubject)
      const other = yield* open(subject)
      const held = Effect.map(store.inventory.held, (ids) => [...ids].toSorted())
      const ids = (...names: ReadonlyArray<string>) => names.map(id).toSorted()
      yield* other.release
      expect(yield* other.hold(id("leaf"))).toBe(true)
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* other.using
          expect(yield* other.hold(id("right"))).toBe(true)
          // Another one, which begins and ends meanwhile, and holds also what this one holds.
          yield* Effect.scoped(
            Effect.gen(function* () {
              yield* other.using
              expect(yield* other.hold(id("right"))).toBe(true)
              yield* make(other, "new", "right", () => Effect.void)
              yield* other.release
              expect(yield* held).toEqual(ids("new", "right"))
            })
          )
          yield* other.release
          expect(yield* held).toEqual(ids("right"))
          expect(yield* remove(store, "new", "right", "leaf")).toEqual([
            "new: Removed",
            "right: InUse",
            "leaf: Removed"
          ])
          // What its fibers hold is its own.
          yield* Effect.flatMap(Effect.fork(other.hold(id("left"))), Fiber.join)
          yield* other.release
          expect(yield* held).toEqual(ids("left", "right"))
        })
      )
      // Held again, it counts for who holds it now.
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* other.using
          expect(yield* other.hold(id("right"))).toBe(true)
          yield* other.release
          expect(yield* held).toEqual(ids("right"))
        })
      )
      yield* other.release
      expect(yield* held).toEqual([])
      expect(yield* other.hold(id("left"))).toBe(true)
      expect(yield* remove(store, "left")).toEqual(["left: InUse"])
    })
  )

  it.scopedLive("what a process makes, it holds, and its parent while it does", () =>
    Effect.gen(function* () {
      const { store, subject } = yield* filled(makeSubject)
      const other = yield* open(subject)
      const begun = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      expect(yield* other.hold(id("leaf"))).toBe(true)
      const maker = yield* Effect.fork(
        make(other, "new", "leaf", () => Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(goOn)))
      )
      yield* Deferred.await(begun)
      expect(yield* remove(store, "leaf", "right")).toEqual(["leaf: InUse", "right: Removed"])
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.join(maker)
      expect(yield* remove(store, "new", "leaf")).toEqual(["new: InUse", "leaf: InUse"])
    })
  )

  it.scopedLive("a parent was of use when its removed child was", () =>
    Effect.gen(function* () {
      const { store, subject } = yield* filled(makeSubject)
      yield* store.used(id("leaf"))
      const { lastUsed = Number.NaN } = (yield* byId(store)).get(id("leaf")) ?? {}
      expect(yield* remove(store, "leaf")).toEqual(["leaf: Removed"])
      expect((yield* byId(store)).get(id("left"))?.lastUsed).toBeGreaterThanOrEqual(
        lastUsed - (subject.timeStep ?? 1) + 1
      )
    })
  )

  it.scopedLive("what planned ids meant is forgotten with the results", () =>
    Effect.gen(function* () {
      const { store } = yield* filled(makeSubject)
      yield* store.realise(id("planned"), id("leaf"))
      yield* store.realise(id("planned too"), id("right"))
      expect(yield* remove(store, "leaf")).toEqual(["leaf: Removed"])
      yield* store.inventory.tidy
      expect(yield* store.realised(id("planned"))).toEqual(Option.none())
      expect(yield* store.realised(id("planned too"))).toEqual(Option.some(id("right")))
    })
  )

  it.scopedLive("a result's footprint grows with what it has of its own", () =>
    Effect.gen(function* () {
      const { put, store } = yield* opened(makeSubject)
      yield* put("base", undefined, { f: "x".repeat(100_000) })
      yield* put("child", "base", { g: "y".repeat(200_000) })
      const [base, child] = [
        yield* store.inventory.footprint(id("base")),
        yield* store.inventory.footprint(id("child"))
      ]
      expect(base.unique + base.shared).toBeGreaterThanOrEqual(100_000)
      expect(child.unique).toBeGreaterThanOrEqual(200_000)
      // Known by now.
      expect(yield* store.inventory.footprint(id("child"))).toEqual(child)
    })
  )

  it.scopedLive("a cache is listed by its name, measured, and removed", () =>
    Effect.gen(function* () {
      const { files, store, subject } = yield* opened(makeSubject)
      const use = (name: string, text: string) =>
        Effect.scoped(Effect.flatMap(store.cache(name, root), ({ rootfs }) => files.put(rootfs, { f: text })))
      yield* use("one", "x".repeat(50_000))
      yield* use("ünë/\n\t two", "2")
      const caches = yield* (yield* open(subject)).inventory.caches
      expect(caches.map(({ name }) => name).sort()).toEqual(["one", "ünë/\n\t two"])
      const key = caches.find(({ name }) => name === "one")?.key ?? ""
      expect((yield* store.inventory.cacheFootprint(key)).unique).toBeGreaterThanOrEqual(50_000)
      expect(yield* store.inventory.removeCache(key)).toBe(true)
      expect(yield* store.inventory.removeCache(key)).toBe(false)
      expect((yield* store.inventory.caches).map(({ name }) => name)).toEqual(["ünë/\n\t two"])
      expect(yield* subject.temporary).toEqual([])
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { rootfs } = yield* store.cache("one", root)
          expect(yield* files.describe(rootfs, "f")).toBe(undefined)
        })
      )
    })
  )

  it.scopedLive("a cache that is removed while a step has a copy stays the step's, and what it leaves is dropped", () =>
    Effect.gen(function* () {
      const { files, store, subject } = yield* opened(makeSubject)
      yield* Effect.scoped(Effect.flatMap(store.cache("c", root), ({ rootfs }) => files.put(rootfs, { f: "1" })))
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { rootfs } = yield* store.cache("c", root)
          const [cache] = yield* store.inventory.caches
          expect(yield* (yield* open(subject)).inventory.removeCache(cache?.key ?? "")).toBe(true)
          expect(yield* files.describe(rootfs, "f")).toBe("file 0644 0:0 1")
          yield* files.put(rootfs, { g: "2" })
        })
      )
      expect(yield* store.inventory.caches).toEqual([])
      const { rootfs } = yield* store.cache("c", root)
      expect(yield* files.describe(rootfs, "f")).toBe(undefined)
      expect(yield* files.describe(rootfs, "g")).toBe(undefined)
    })
  )
}
