/**
 * What is trusted after the machine went down. Here it has not: a store is made
 * to look as if an earlier run of the kernel had left it.
 */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { root } from "../../../src/domain/Spec.ts"
import * as RsyncStore from "../../../src/interpreters/store/RsyncStore.ts"
import type { StoreService } from "../../../src/interpreters/Store.ts"
import { hostFiles } from "../../laws/files.ts"
import { id, make, open, type Subject } from "../../laws/storeSubject.ts"
import { describeWith } from "../../requirements.ts"

const EARLIER = "11111111-1111-1111-1111-111111111111"

const makeSubject = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => Fs.mkdtempSync(`${tmpdir()}/obuilder-store-`)),
    (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
  ),
  (directory) => {
    const path = `${directory}/store`
    const subject: Subject = {
      layer: RsyncStore.layer({ path }),
      files: hostFiles,
      temporary: Effect.succeed([])
    }
    return { path, subject }
  }
)

/** A store with a chain of results and a cache, none of which anybody has open. */
const filled = Effect.gen(function* () {
  const { path, subject } = yield* makeSubject
  yield* Effect.scoped(
    Effect.gen(function* () {
      const store = yield* open(subject)
      yield* make(store, "base", undefined, ({ rootfs }) => hostFiles.put(rootfs, { f: "1" }))
      yield* make(store, "middle", "base", () => Effect.void)
      yield* make(store, "leaf", "middle", () => Effect.void)
      yield* Effect.scoped(Effect.flatMap(store.cache("c", root), ({ rootfs }) => hostFiles.put(rootfs, { g: "2" })))
    })
  )
  return { path, subject }
})

/** Changes what a file in JSON says. */
const edit = (path: string, values: object): void =>
  Fs.writeFileSync(path, JSON.stringify({ ...(JSON.parse(Fs.readFileSync(path, "utf8")) as object), ...values }))

const metaOf = (path: string, name: string): string => `${path}/results/${id(name)}/meta.json`

/** An earlier run made all of it, at these times, and knew until then that it was on the disk. */
const asIfEarlier = (
  path: string,
  times: Readonly<Record<"base" | "middle" | "leaf" | "cache", number>>,
  synced: number
) => {
  for (const name of ["base", "middle", "leaf"] as const) edit(metaOf(path, name), { boot: EARLIER, at: times[name] })
  edit(`${path}/caches/c-c/current.json`, { boot: EARLIER, at: times.cache })
  Fs.writeFileSync(`${path}/synced`, JSON.stringify({ boot: EARLIER, at: synced }))
}

const there = (store: StoreService) =>
  Effect.filter(["base", "middle", "leaf"], (name) => Effect.map(store.result(id(name)), Option.isSome))

/** Opens the store to write to it, and catches the warnings. */
const opening = (subject: Subject) =>
  Effect.gen(function* () {
    const warnings: Array<string> = []
    const logger = Logger.make(({ message }) => warnings.push(String(message)))
    const store = yield* Effect.provide(
      Effect.gen(function* () {
        const store = yield* open(subject)
        yield* store.hold(id("base"))
        return store
      }),
      Layer.merge(Logger.replace(Logger.defaultLogger, logger), Layer.empty)
    )
    return { store, warnings }
  })

describeWith(["root"], "after the machine went down", () => {
  it.scopedLive("what is known to be on the disk stays", () =>
    Effect.gen(function* () {
      const { path, subject } = yield* filled
      asIfEarlier(path, { base: 1, middle: 2, leaf: 3, cache: 4 }, 4)
      const { store, warnings } = yield* opening(subject)
      expect(yield* there(store)).toEqual(["base", "middle", "leaf"])
      expect(warnings).toEqual([])
      const { rootfs } = yield* store.cache("c", root)
      expect(yield* hostFiles.describe(rootfs, "g")).toBe("file 0644 0:0 2")
      // The next run need not look again.
      expect(JSON.parse(Fs.readFileSync(`${path}/synced`, "utf8"))).not.toMatchObject({ boot: EARLIER })
    })
  )

  it.scopedLive("what may not be is dropped, with a word, and can be made again", () =>
    Effect.gen(function* () {
      const { path, subject } = yield* filled
      asIfEarlier(path, { base: 1, middle: 5, leaf: 6, cache: 7 }, 4)
      // Layers that were merged of a result have the same files.
      for (const name of ["base", "middle"]) Fs.mkdirSync(`${path}/squashed/${id(name)}`)
      const { store, warnings } = yield* opening(subject)
      expect(yield* there(store)).toEqual(["base"])
      expect(Fs.readdirSync(`${path}/squashed`)).toEqual([id("base")])
      expect(warnings).toEqual([
        `the machine went down before 2 results in ${path} had surely reached the disk: they are made again when needed`
      ])
      expect(Fs.readdirSync(`${path}/results`)).toEqual([id("base")])
      const { rootfs } = yield* store.cache("c", root)
      expect(yield* hostFiles.describe(rootfs, "g")).toBe(undefined)
      yield* make(store, "middle", "base", () => Effect.void)
      expect(yield* there(store)).toEqual(["base", "middle"])
    })
  )

  it.scopedLive("a file that was lost takes what is built on it with it", () =>
    Effect.gen(function* () {
      const { path, subject } = yield* filled
      asIfEarlier(path, { base: 1, middle: 2, leaf: 3, cache: 4 }, 4)
      Fs.truncateSync(metaOf(path, "middle"))
      const { store, warnings } = yield* opening(subject)
      expect(yield* there(store)).toEqual(["base"])
      expect(warnings).toHaveLength(1)
      expect(Fs.readdirSync(`${path}/results`)).toEqual([id("base")])
    })
  )

  it.scopedLive("nothing is trusted where it is lost what is known", () =>
    Effect.gen(function* () {
      const { path, subject } = yield* filled
      asIfEarlier(path, { base: 1, middle: 2, leaf: 3, cache: 4 }, 4)
      Fs.truncateSync(`${path}/synced`)
      const { store } = yield* opening(subject)
      expect(yield* there(store)).toEqual([])
    })
  )

  it.scopedLive("what runs before the last one left was looked through by that", () =>
    Effect.gen(function* () {
      const { path, subject } = yield* filled
      asIfEarlier(path, { base: 100, middle: 2, leaf: 3, cache: 4 }, 4)
      edit(metaOf(path, "base"), { boot: "22222222-2222-2222-2222-222222222222" })
      const { store } = yield* opening(subject)
      expect(yield* there(store)).toEqual(["base", "middle", "leaf"])
    })
  )

  it.scopedLive("who only looks sees what can be trusted, and changes nothing", () =>
    Effect.gen(function* () {
      const { path, subject } = yield* filled
      asIfEarlier(path, { base: 1, middle: 5, leaf: 6, cache: 7 }, 4)
      const store = yield* open(subject)
      expect(yield* there(store)).toEqual(["base"])
      expect((yield* store.inventory.results).map((one) => one.id)).toEqual([id("base")])
      expect(Fs.readdirSync(`${path}/results`)).toHaveLength(3)
    })
  )

  it.scopedLive("while it runs all is trusted, and work that took long is written to the disk at the end", () =>
    Effect.gen(function* () {
      const { path, subject } = yield* filled
      const before = JSON.parse(Fs.readFileSync(`${path}/synced`, "utf8")) as { readonly at: number }
      yield* Effect.scoped(
        Effect.gen(function* () {
          const store = yield* open(subject)
          yield* make(store, "slow", "base", () => Effect.sleep("1100 millis"))
        })
      )
      const after = JSON.parse(Fs.readFileSync(`${path}/synced`, "utf8")) as { readonly at: number }
      const { at } = JSON.parse(Fs.readFileSync(metaOf(path, "slow"), "utf8")) as { readonly at: number }
      expect(after.at).toBeGreaterThan(before.at)
      expect(after.at).toBeGreaterThanOrEqual(at)
    })
  )
})
