/** What `check` finds in a store that somebody has damaged, and what `repair` does about it. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { root } from "../../../src/domain/Spec.ts"
import type { Fault } from "../../../src/interpreters/Inventory.ts"
import * as LifeCycle from "../../../src/interpreters/LifeCycle.ts"
import { Store, type StoreService } from "../../../src/interpreters/Store.ts"
import { hostFiles } from "../../laws/files.ts"
import { id, make, open, type Subject } from "../../laws/storeSubject.ts"
import { describeWith } from "../../requirements.ts"
import { disk } from "./disk.ts"
import { type Kind, kinds } from "./kinds.ts"

const NAMES = ["base", "left", "leaf", "top", "right"]

/** A chain `base`, `left`, `leaf`, `top`, with `right` on `base`, and two caches; nobody has it open. */
const filled = (kind: Kind, place: string) =>
  Effect.gen(function* () {
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => Fs.mkdtempSync(`${place}/obuilder-store-`)),
      (path) => Effect.sync(() => kind.disk === undefined && Fs.rmSync(path, { recursive: true, force: true }))
    )
    const path = `${directory}/store`
    const subject: Subject = { layer: kind.layer(path), files: hostFiles, temporary: Effect.succeed([]) }
    yield* Effect.scoped(
      Effect.gen(function* () {
        const store = yield* open(subject)
        for (const [name, parent] of [
          ["base"],
          ["left", "base"],
          ["leaf", "left"],
          ["top", "leaf"],
          ["right", "base"]
        ] as const) {
          yield* make(store, name, parent, ({ log, rootfs }) =>
            Effect.zipRight(hostFiles.put(rootfs, { [name]: name }), log(new TextEncoder().encode(name)))
          )
        }
        for (const name of ["one", "two"]) {
          yield* Effect.scoped(
            Effect.flatMap(store.cache(name, root), ({ rootfs }) => hostFiles.put(rootfs, { f: "1" }))
          )
        }
      })
    )
    return { path, store: yield* open(subject) }
  })

const check = (store: StoreService, options: Partial<Parameters<StoreService["inventory"]["check"]>[0]> = {}) =>
  Effect.gen(function* () {
    const faults: Array<Fault> = []
    const checked = yield* store.inventory.check(
      { data: false, record: false, ...options },
      { fault: (one) => Effect.sync(() => faults.push(one)), measured: () => Effect.void }
    )
    return { checked, faults }
  })

const said = (faults: ReadonlyArray<Fault>) =>
  faults
    .map(({ message, what }) => {
      const subject =
        what._tag === "Result"
          ? (NAMES.find((name) => id(name) === what.id) ?? what.id)
          : what._tag === "Cache"
            ? what.key
            : "leftover"
      return `${subject}: ${message.replaceAll(/[0-9a-f]{64}/g, (one) => NAMES.find((name) => id(name) === one) ?? "ID")}`
    })
    .sort()

const there = (store: StoreService) =>
  Effect.map(store.inventory.results, (all) => NAMES.filter((name) => all.some((one) => one.id === id(name))))

const result = (path: string, name: string): string => `${path}/results/${id(name)}`

const BTRFS = 0x9123683e

/** Takes the protection away that btrfs gives results: damage comes in ways that no file system keeps out. */
const unprotect = (path: string): void => {
  if (Fs.lstatSync(path).isSymbolicLink() || Fs.statfsSync(path).type !== BTRFS) return
  execFileSync("btrfs", ["property", "set", "-ts", path, "ro", "false"], { stdio: "pipe" })
}

/** Kinds of damage: what is found, and which results are left when it is repaired. */
const damages: Readonly<
  Record<
    string,
    {
      readonly damage: (path: string) => void
      readonly faults: ReadonlyArray<string>
      readonly left: ReadonlyArray<string>
    }
  >
> = {
  "what is known of a result is lost": {
    damage: (path) => Fs.truncateSync(`${result(path, "left")}/meta.json`),
    faults: ["leaf: what it is built on is damaged, or not there: left", "left: what is known of it cannot be read"],
    left: ["base", "right"]
  },
  "a result is gone that others are built on": {
    damage: (path) => Fs.renameSync(result(path, "leaf"), `${path}/caches/moved`),
    faults: ["top: what it is built on is damaged, or not there: leaf"],
    left: ["base", "left", "right"]
  },
  "a log is shorter than it was": {
    damage: (path) => Fs.truncateSync(`${result(path, "right")}/log`, 2),
    faults: ["right: its log has 2 bytes instead of 5"],
    left: ["base", "left", "leaf", "top"]
  },
  "a result's files are gone": {
    damage: (path) => {
      unprotect(`${result(path, "top")}/fs`)
      Fs.renameSync(`${result(path, "top")}/fs`, `${path}/caches/moved`)
    },
    faults: ["top: its directory results/top/fs is not there"],
    left: ["base", "left", "leaf", "right"]
  },
  "a cache is not what it was": {
    damage: (path) => Fs.writeFileSync(`${path}/caches/c-one/current.json`, "{"),
    faults: ["c-one: its current.json cannot be read"],
    left: NAMES
  },
  "merged layers are left of a result that is not there": {
    damage: (path) => Fs.mkdirSync(`${path}/squashed/${"a".repeat(64)}`),
    faults: ["leftover: it belongs to a result that is not there"],
    left: NAMES
  }
}

for (const kind of kinds) {
  describeWith(kind.needs, `checking the store ${kind.name}`, () => {
    const place = kind.disk === undefined ? { path: tmpdir() } : disk(kind.disk)

    it.scopedLive("finds nothing wrong where nothing is", () =>
      Effect.gen(function* () {
        const { store } = yield* filled(kind, place.path)
        expect(yield* check(store)).toEqual({
          checked: { results: 5, caches: 2, compared: 0, recorded: 0 },
          faults: []
        })
      })
    )

    it.scopedLive.each(Object.entries(damages))("finds, where %s, that and nothing else, and repairs it", ([, one]) =>
      Effect.gen(function* () {
        const { path, store } = yield* filled(kind, place.path)
        one.damage(path)
        const { faults } = yield* check(store)
        expect(said(faults)).toEqual([...one.faults].sort())
        const telling = { removed: () => Effect.void, measured: () => Effect.void }
        const repaired = yield* Effect.provideService(LifeCycle.repair(faults, telling), Store, store)
        expect(repaired.remaining).toEqual([])
        expect(yield* there(store)).toEqual(one.left)
        expect((yield* check(store)).faults).toEqual([])
        expect((yield* store.inventory.caches).map(({ name }) => name).sort()).toEqual(
          one.faults.some((fault) => fault.startsWith("c-one")) ? ["two"] : ["one", "two"]
        )
      })
    )

    it.scopedLive("compares files with what was recorded of them, when asked to", () =>
      Effect.gen(function* () {
        const { path, store } = yield* filled(kind, place.path)
        expect((yield* check(store, { data: true })).checked.compared).toBe(0)
        expect((yield* check(store, { record: true })).checked.recorded).toBe(5)
        expect(yield* check(store, { data: true })).toEqual({
          checked: { results: 5, caches: 2, compared: 5, recorded: 0 },
          faults: []
        })
        // What a snapshot holds nobody changes.
        if (kind.disk === "zfs") return
        // By a way around what protects it.
        const file = `${result(path, "right")}/fs/right`
        unprotect(`${result(path, "right")}/fs`)
        Fs.writeFileSync(file, "wrong")
        expect((yield* check(store)).faults).toEqual([])
        expect(said((yield* check(store, { data: true })).faults)).toEqual([
          "right: its files are not what was recorded of them"
        ])
        Fs.writeFileSync(file, "right")
        Fs.chmodSync(file, 0o600)
        expect(said((yield* check(store, { data: true })).faults)).toHaveLength(1)
      })
    )
  })
}
