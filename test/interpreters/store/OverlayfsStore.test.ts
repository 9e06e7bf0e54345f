import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { describe } from "vitest"
import * as OverlayfsStore from "../../../src/interpreters/store/OverlayfsStore.ts"
import * as Caches from "../../../src/interpreters/store/local/Caches.ts"
import { MAX_LAYERS } from "../../../src/interpreters/store/local/Squash.ts"
import { hostFiles } from "../../laws/files.ts"
import { hostSource, memorySource } from "../../laws/sources.ts"
import { storeLaws } from "../../laws/store.ts"
import { id, open, opened, type Subject } from "../../laws/storeSubject.ts"
import { contents } from "../../laws/tar.ts"
import { describeWith } from "../../requirements.ts"
import { temporaryIn } from "./kinds.ts"

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(`${tmpdir()}/obuilder-store-`)),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
)

const makeSubject = Effect.map(temporaryDirectory, (directory): Subject => ({
  layer: OverlayfsStore.layer({ path: `${directory}/store` }),
  files: hostFiles,
  temporary: Effect.sync(() => temporaryIn(`${directory}/store`))
}))

describeWith(["root"], "the overlayfs store", () => {
  storeLaws(makeSubject, { "in memory": memorySource, "on the host": hostSource })

  const failure = (path: string) =>
    Effect.gen(function* () {
      const store = yield* open({
        layer: OverlayfsStore.layer({ path }),
        files: hostFiles,
        temporary: Effect.succeed([])
      })
      const looked = yield* Effect.either(store.result(id("x")))
      const made = yield* Effect.either(
        Effect.scoped(store.build({ id: id("x"), parent: Option.none(), heading: "x" }, () => Effect.void))
      )
      return { looked, made }
    })

  it.scopedLive("a directory that another kind of store made is refused, and left as it was", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory
      Fs.writeFileSync(`${path}/format`, '{"kind":"btrfs","version":1}\n')
      const { looked, made } = yield* failure(path)
      for (const result of [Either.map(looked, () => undefined), made]) {
        expect(Either.isLeft(result) && result.left.message).toMatch(/no overlayfs store.*btrfs/)
      }
      expect(Fs.readdirSync(path)).toEqual(["format"])
    })
  )

  it.scopedLive("a directory with somebody's files in it is refused, and left as it was", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory
      Fs.writeFileSync(`${path}/thesis.tex`, "")
      const { looked, made } = yield* failure(path)
      for (const result of [Either.map(looked, () => undefined), made]) {
        expect(Either.isLeft(result) && result.left.message).toMatch(/not empty.*thesis\.tex/)
      }
      expect(Fs.readdirSync(path)).toEqual(["thesis.tex"])
    })
  )

  it.scopedLive.each([
    ["that is somebody else's", (path: string) => Fs.chownSync(path, 1000, 1000), /the user 1000/],
    ["that others can write to", (path: string) => Fs.chmodSync(path, 0o770), /written to by others/],
    [
      "that a link has taken the place of",
      (path: string) => {
        Fs.renameSync(path, `${path}-away`)
        Fs.symlinkSync(`${path}-away`, path)
      },
      /not a directory/
    ]
  ] as const)("a store with a directory %s is refused", ([, change, message]) =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory
      yield* failure(path)
      change(`${path}/results`)
      const { looked, made } = yield* failure(path)
      for (const result of [Either.map(looked, () => undefined), made]) {
        expect(Either.isLeft(result) && result.left.message).toMatch(message)
      }
    })
  )

  it.scopedLive.each([
    ["is empty", ""],
    ["is cut off", '{"layers":["0123'],
    ["names a layer that is gone", '{"layers":["0123456789ab"]}'],
    ["names layers elsewhere", '{"layers":["../../results"]}']
  ] as const)("a cache whose description %s is made anew", ([, text]) =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory
      const subject = { layer: OverlayfsStore.layer({ path }), files: hostFiles, temporary: Effect.succeed([]) }
      const use = (file: string) =>
        Effect.scoped(
          Effect.flatMap(open(subject), (store) =>
            Effect.scoped(
              Effect.map(store.cache("c", { _tag: "Unix", uid: 0, gid: 0 }), ({ rootfs }) => {
                if (rootfs._tag !== "Overlay") throw new Error("not an overlay")
                Fs.writeFileSync(`${rootfs.upper}/${file}`, "")
                return rootfs.lower.flatMap((layer) => Fs.readdirSync(layer))
              })
            )
          )
        )
      yield* use("a")
      expect(yield* use("b")).toEqual(["a"])
      Fs.writeFileSync(`${path}/caches/c-c/current.json`, text)
      expect(yield* use("c")).toEqual([])
      expect(yield* use("d")).toEqual(["c"])
    })
  )

  it.scopedLive("a result that cannot be kept fails, and is not there", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory
      const store = yield* open({
        layer: OverlayfsStore.layer({ path }),
        files: hostFiles,
        temporary: Effect.succeed([])
      })
      const info = { id: id("x"), parent: Option.none(), heading: "x" }
      const build = Effect.scoped(
        store.build(info, () => Effect.sync(() => Fs.rmSync(`${path}/results`, { recursive: true })))
      )
      expect(yield* Effect.flip(build)).toMatchObject({ _tag: "StoreError" })
      expect(yield* store.result(info.id)).toEqual(Option.none())
    })
  )

  it.scopedLive.each([
    ["is empty", ""],
    ["is cut off", '{"version":1,"par'],
    ["names layers elsewhere", '{"version":1,"parent":null,"heading":"x","layers":["../../etc"],"logSize":0}']
  ] as const)("a result whose description %s is none, and is made again", ([, text]) =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory
      const subject = { layer: OverlayfsStore.layer({ path }), files: hostFiles, temporary: Effect.succeed([]) }
      const info = { id: id("x"), parent: Option.none(), heading: "x" }
      const make = Effect.flatMap(open(subject), (store) => Effect.scoped(store.build(info, () => Effect.void)))
      yield* Effect.scoped(make)
      Fs.writeFileSync(`${path}/results/${info.id}/meta.json`, text)
      const store = yield* open(subject)
      expect(yield* store.result(info.id)).toEqual(Option.none())
      yield* Effect.scoped(make)
      expect(yield* store.result(info.id)).toEqual(Option.some(info))
      expect(Fs.readdirSync(`${path}/results`)).toEqual([info.id])
      expect(temporaryIn(path)).toEqual([])
    })
  )

  it.scopedLive("looking into a store that is not there makes nothing", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const store = yield* open({
        layer: OverlayfsStore.layer({ path: `${directory}/store` }),
        files: hostFiles,
        temporary: Effect.succeed([])
      })
      expect(yield* store.result(id("x"))).toEqual(Option.none())
      expect(yield* Effect.flip(store.find("abcd"))).toMatchObject({ _tag: "UnknownId", candidates: [] })
      expect(Fs.readdirSync(directory)).toEqual([])
    })
  )

  it.scopedLive("what a dead process left is removed by the next one, what a live one holds is not", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const path = `${directory}/store`
      const subject = {
        layer: OverlayfsStore.layer({ path }),
        files: hostFiles,
        temporary: Effect.sync(() => temporaryIn(path))
      }
      const alive = yield* open(subject)
      const make = (name: string, fill: Effect.Effect<void> = Effect.void) =>
        Effect.fork(Effect.scoped(alive.build({ id: id(name), parent: Option.none(), heading: name }, () => fill)))
      const begun = yield* Effect.makeLatch()
      yield* make("held", Effect.zipRight(begun.open, Effect.never))
      yield* begun.await
      const held = temporaryIn(path)
      expect(held).toHaveLength(1)
      Fs.mkdirSync(`${path}/tmp/4711-dead/1/fs`, { recursive: true })
      Fs.writeFileSync(`${path}/tmp/4711-dead/lock`, "")
      const other = yield* open(subject)
      yield* Effect.scoped(other.build({ id: id("y"), parent: Option.none(), heading: "y" }, () => Effect.void))
      expect(temporaryIn(path)).toEqual(held)
      expect(Fs.existsSync(`${path}/tmp/4711-dead`)).toBe(false)
    })
  )

  it.scopedLive("a chain of results gets long whatever the names in it are, UTF-8 or not", () =>
    Effect.gen(function* () {
      const { put, store } = yield* opened(makeSubject)
      const name = Buffer.of(0x61, 0xff, 0xfe)
      yield* put("0", undefined, { a: "a" })
      let lower: ReadonlyArray<string> = []
      for (let n = 1; n <= MAX_LAYERS + 1; n++) {
        yield* Effect.scoped(
          store.build({ id: id(`${n}`), parent: Option.some(id(`${n - 1}`)), heading: `${n}` }, ({ rootfs }) =>
            Effect.sync(() => {
              if (rootfs._tag !== "Overlay") throw new Error("not an overlay")
              lower = rootfs.lower
              const path = Buffer.concat([Buffer.from(`${rootfs.upper}/`), name])
              if (n === 1) Fs.mkdirSync(path)
              if (n === 1) Fs.writeFileSync(Buffer.concat([path, Buffer.from("/"), name]), "content")
            })
          )
        )
      }
      expect(lower.length).toBeLessThan(5)
      const inside = lower.flatMap((layer) => {
        const path = Buffer.concat([Buffer.from(`${layer}/`), name])
        return Fs.existsSync(path) ? Fs.readdirSync(path, { encoding: "buffer" }) : []
      })
      expect(inside).toEqual([name])
    })
  )

  it.scopedLive("a chain of results keeps all that its steps changed, however long it gets", () =>
    Effect.gen(function* () {
      const { files, put, store } = yield* opened(makeSubject)
      yield* put("0", undefined, { "base/kept": "b", "base/gone": "b", count: "0" })
      const last = MAX_LAYERS * 2 + 5
      for (let n = 1; n <= last; n++) {
        yield* Effect.scoped(
          store.build({ id: id(`${n}`), parent: Option.some(id(`${n - 1}`)), heading: `${n}` }, ({ rootfs }) =>
            Effect.gen(function* () {
              if (rootfs._tag !== "Overlay") throw new Error("not an overlay")
              expect(rootfs.lower.length).toBeLessThan(MAX_LAYERS + 1)
              yield* files.put(rootfs, { count: `${n}`, [`made/${n % 7}`]: `${n}` })
              if (n === 3) yield* files.remove(rootfs, "base/gone")
            })
          )
        )
      }
      const made = Object.fromEntries(
        Array.from({ length: 7 }, (_, n) => last - n).map((n) => [`/made/${n % 7}`, `file 0644 0:0 ${n}`])
      )
      expect(yield* contents(store, id(`${last}`))).toEqual({
        "/base": "directory 0755 0:0",
        "/base/kept": "file 0644 0:0 b",
        "/count": `file 0644 0:0 ${last}`,
        "/made": "directory 0755 0:0",
        ...made
      })
      // An early result is still what it was.
      expect(yield* contents(store, id("2"))).toMatchObject({
        "/base/gone": "file 0644 0:0 b",
        "/count": "file 0644 0:0 2"
      })
    })
  )

  it.scopedLive("a cache that many steps have changed keeps what each of them left", () =>
    Effect.gen(function* () {
      const { files, store } = yield* opened(makeSubject)
      const owner = { _tag: "Unix", uid: 1, gid: 2 } as const
      const use = (work: (rootfs: Parameters<typeof files.put>[0]) => Effect.Effect<void>) =>
        Effect.scoped(Effect.flatMap(store.cache("c", owner), ({ rootfs }) => work(rootfs)))
      for (let n = 0; n < 30; n++) yield* use((rootfs) => files.put(rootfs, { [`${n}`]: `${n}` }))
      yield* use((rootfs) => files.remove(rootfs, "7"))
      yield* use((rootfs) =>
        Effect.gen(function* () {
          for (let n = 0; n < 30; n++) {
            expect(yield* files.describe(rootfs, `${n}`)).toBe(n === 7 ? undefined : `file 0644 0:0 ${n}`)
          }
          expect(rootfs._tag === "Overlay" && rootfs.lower.length).toBeLessThan(10)
        })
      )
    })
  )
})

describe("a cache's file name", () => {
  it.each([
    ["ok", "c-ok"],
    ["", "c-"],
    ["123", "c-123"],
    ["a1", "c-a1"],
    ["a/1", "c-a%2f1"],
    ["..", "c-.."],
    ["%20", "c-%2520"],
    ["foo:bar", "c-foo%3abar"],
    ["Az09-id.foo_orig", "c-Az09-id.foo_orig"]
  ])("of %j is %j", (name, expected) => {
    expect(Caches.escape(name)).toBe(expected)
  })

  it("is short for a long name, and differs from that of another", () => {
    const long = "x".repeat(4000)
    expect(Caches.escape(long)).toMatch(/^h-[0-9a-f]{64}$/)
    expect(Caches.escape(`${long}y`)).not.toBe(Caches.escape(long))
  })
})
