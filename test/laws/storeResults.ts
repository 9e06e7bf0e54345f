/** The laws of making and reading results. */
import { expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { sha256 } from "../../src/domain/Digest.ts"
import { type StoreError, type StoreService, UnknownId } from "../../src/interpreters/Store.ts"
import type { Entries } from "./files.ts"
import { id, make, type MakeSubject, open, opened } from "./storeSubject.ts"
import { contents, exported } from "./tar.ts"

/** Registers the laws as tests. */
export const storeResultLaws = (makeSubject: MakeSubject): void => {
  it.scopedLive("a result is absent before it is made, and there with its parent and heading afterwards", () =>
    Effect.gen(function* () {
      const { put, store } = yield* opened(makeSubject)
      expect(yield* store.result(id("base"))).toEqual(Option.none())
      yield* put("base", undefined, { "etc/motd": "hello" })
      yield* put("child", "base", {})
      expect(yield* store.result(id("base"))).toEqual(
        Option.some({ id: id("base"), parent: Option.none(), heading: "step base" })
      )
      expect(yield* store.result(id("child"))).toEqual(
        Option.some({ id: id("child"), parent: Option.some(id("base")), heading: "step child" })
      )
      expect(yield* store.result(id("other"))).toEqual(Option.none())
    })
  )

  it.scopedLive("what was made on a result, or on nothing, is named for everybody, the newest first", () =>
    Effect.gen(function* () {
      const { files, put, store, subject } = yield* opened(makeSubject)
      const named = (parent: string | undefined) => store.children(Option.map(Option.fromNullable(parent), id))
      expect(yield* named(undefined)).toEqual([])
      yield* put("base", undefined, { a: "1" })
      expect(yield* named("base")).toEqual([])
      const other = yield* open(subject)
      for (const name of ["1", "2", "3"]) {
        yield* make(name === "2" ? other : store, name, "base", ({ rootfs }) => files.put(rootfs, { b: name }))
      }
      yield* Effect.flip(make(store, "failed", "base", () => Effect.fail("on purpose")))
      yield* put("on 1", "1", { c: "1" })
      yield* put("other base", undefined, { a: "2" })
      expect(yield* named("base")).toEqual(["3", "2", "1"].map(id))
      expect(yield* other.children(Option.some(id("base")))).toEqual(["3", "2", "1"].map(id))
      expect(yield* named("1")).toEqual([id("on 1")])
      expect(yield* named("on 1")).toEqual([])
      expect(yield* named(undefined)).toEqual([id("other base"), id("base")])
      expect(yield* named("nothing")).toEqual([])
    })
  )

  it.scopedLive("what is said to be made on a result goes with it", () =>
    Effect.gen(function* () {
      const { store, subject } = yield* opened(makeSubject)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const maker = yield* open(subject)
          yield* make(maker, "base", undefined, () => Effect.void)
          yield* make(maker, "child", "base", () => Effect.void)
        })
      )
      expect(yield* store.children(Option.some(id("base")))).toEqual([id("child")])
      const gone = ["child", "base"].map(id)
      yield* store.inventory.remove(gone, (_, removal) => Effect.sync(() => expect(removal).toBe("Removed")))
      expect(yield* store.children(Option.some(id("base")))).toEqual([])
      yield* make(store, "base", undefined, () => Effect.void)
      expect(yield* store.children(Option.some(id("base")))).toEqual([])
    })
  )

  it.scopedLive("a result survives the process that made it", () =>
    Effect.gen(function* () {
      const subject = yield* makeSubject
      yield* Effect.scoped(
        Effect.flatMap(open(subject), (store) =>
          make(store, "base", undefined, (workspace) => subject.files.put(workspace.rootfs, { a: "1" }))
        )
      )
      const later = yield* open(subject)
      expect(yield* contents(later, id("base"))).toEqual({ "/a": "file 0644 0:0 1" })
      expect(yield* subject.temporary).toEqual([])
    })
  )

  it.scopedLive("the right to make a result is one process's at a time, and others can follow what it does", () =>
    Effect.gen(function* () {
      const subject = yield* makeSubject
      const [one, two] = [yield* open(subject), yield* open(subject)]
      const halfWay = yield* Effect.makeLatch()
      const goOn = yield* Effect.makeLatch()
      const write = (text: string) => new TextEncoder().encode(text)
      const maker = yield* Effect.fork(
        Effect.scoped(
          Effect.gen(function* () {
            expect(yield* one.claim(id("x"))).toEqual(Option.none())
            yield* make(one, "x", undefined, ({ log }) =>
              log(write("half")).pipe(
                Effect.zipRight(halfWay.open),
                Effect.zipRight(goOn.await),
                Effect.zipRight(log(write(" and whole")))
              )
            )
          })
        )
      )
      yield* halfWay.await
      // Another one is nobody's.
      expect(yield* Effect.scoped(two.claim(id("y")))).toEqual(Option.none())
      yield* Effect.scoped(
        Effect.gen(function* () {
          const elsewhere = Option.getOrThrow(yield* two.claim(id("x")))
          expect(new TextDecoder().decode(yield* elsewhere.readLog(0, 100))).toBe("half")
          expect(new TextDecoder().decode(yield* elsewhere.readLog(2, 1))).toBe("l")
          yield* goOn.open
          while (yield* elsewhere.more) yield* Effect.yieldNow()
          expect(new TextDecoder().decode(yield* elsewhere.readLog(0, 100))).toBe("half and whole")
        })
      )
      yield* Fiber.join(maker)
      expect(Option.isSome(yield* two.result(id("x")))).toBe(true)
      expect(yield* Effect.scoped(two.claim(id("x")))).toEqual(Option.none())
      expect(yield* subject.temporary).toEqual([])
    })
  )

  const endings = {
    "that fails": Effect.fail("on purpose"),
    "that dies": Effect.die("on purpose"),
    "that interrupts itself": Effect.interrupt
  }
  for (const [name, ending] of Object.entries(endings)) {
    it.scopedLive(`a fill ${name} leaves nothing, and the result can be made afterwards`, () =>
      Effect.gen(function* () {
        const { files, put, store, temporary } = yield* opened(makeSubject)
        const exit = yield* Effect.exit(
          make(store, "base", undefined, ({ log, rootfs }) =>
            files
              .put(rootfs, { half: "done" })
              .pipe(Effect.zipRight(log(new TextEncoder().encode("half"))), Effect.zipRight(ending))
          )
        )
        expect(Exit.isFailure(exit)).toBe(true)
        expect(yield* store.result(id("base"))).toEqual(Option.none())
        expect(yield* temporary).toEqual([])
        yield* put("base", undefined, { whole: "done" })
        expect(yield* contents(store, id("base"))).toEqual({ "/whole": "file 0644 0:0 done" })
      })
    )
  }

  it.scopedLive("the error of a fill is the error of the build", () =>
    Effect.gen(function* () {
      const { store } = yield* opened(makeSubject)
      const error = yield* Effect.flip(make(store, "base", undefined, () => Effect.fail("on purpose")))
      expect(error).toBe("on purpose")
    })
  )

  it.scopedLive("a fill that is interrupted leaves nothing", () =>
    Effect.gen(function* () {
      const { files, store, temporary } = yield* opened(makeSubject)
      const filling = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(
        make(store, "base", undefined, ({ rootfs }) =>
          files
            .put(rootfs, { half: "done" })
            .pipe(Effect.zipRight(Deferred.succeed(filling, undefined)), Effect.zipRight(Effect.never))
        )
      )
      yield* Deferred.await(filling)
      yield* Fiber.interrupt(fiber)
      expect(yield* store.result(id("base"))).toEqual(Option.none())
      expect(yield* temporary).toEqual([])
    })
  )

  it.scopedLive("nobody sees a result before it is complete", () =>
    Effect.gen(function* () {
      const { files, store, subject } = yield* opened(makeSubject)
      const other = yield* open(subject)
      yield* make(store, "base", undefined, ({ rootfs }) =>
        Effect.gen(function* () {
          yield* files.put(rootfs, { half: "done" })
          expect(yield* store.result(id("base"))).toEqual(Option.none())
          expect(yield* other.result(id("base"))).toEqual(Option.none())
        }).pipe(Effect.orDie)
      )
      expect(Option.isSome(yield* other.result(id("base")))).toBe(true)
    })
  )

  it.scopedLive("a child begins with what its parent has, and changes nothing of it", () =>
    Effect.gen(function* () {
      const { files, put, store } = yield* opened(makeSubject)
      const parent: Entries = {
        "a/kept": { content: "kept", mode: 0o640, uid: 7, gid: 8 },
        "a/changed": "old",
        "a/removed": "old",
        "dir/below": "old",
        link: { link: "a/kept", uid: 1, gid: 2 },
        tmp: { directory: true, mode: 0o1777 }
      }
      yield* put("base", undefined, parent)
      const before = yield* contents(store, id("base"))
      expect(before).toEqual({
        "/a": "directory 0755 0:0",
        "/a/changed": "file 0644 0:0 old",
        "/a/kept": "file 0640 7:8 kept",
        "/a/removed": "file 0644 0:0 old",
        "/dir": "directory 0755 0:0",
        "/dir/below": "file 0644 0:0 old",
        "/link": "link 1:2 a/kept",
        "/tmp": "directory 1777 0:0"
      })
      yield* make(store, "child", "base", ({ rootfs }) =>
        Effect.gen(function* () {
          expect(yield* files.describe(rootfs, "a/kept")).toBe("file 0640 7:8 kept")
          yield* files.put(rootfs, { "a/changed": "new", "a/added": "new" })
          yield* files.remove(rootfs, "a/removed")
          yield* files.remove(rootfs, "dir")
          yield* files.put(rootfs, { dir: "a file now" })
        })
      )
      expect(yield* contents(store, id("child"))).toEqual({
        "/a": "directory 0755 0:0",
        "/a/added": "file 0644 0:0 new",
        "/a/changed": "file 0644 0:0 new",
        "/a/kept": "file 0640 7:8 kept",
        "/dir": "file 0644 0:0 a file now",
        "/link": "link 1:2 a/kept",
        "/tmp": "directory 1777 0:0"
      })
      expect(yield* contents(store, id("base"))).toEqual(before)
    })
  )

  it.scopedLive("what was removed stays removed in the children's children", () =>
    Effect.gen(function* () {
      const { files, put, store } = yield* opened(makeSubject)
      yield* put("1", undefined, { "d/a": "1", "d/b": "1" })
      yield* make(store, "2", "1", ({ rootfs }) => files.remove(rootfs, "d"))
      yield* put("3", "2", { "d/b": { content: "3" } })
      expect(yield* contents(store, id("2"))).toEqual({})
      const child = yield* contents(store, id("3"))
      expect(child["/d/b"]).toBe("file 0644 0:0 3")
    })
  )

  it.scopedLive("a long chain of results is as good as a short one", () =>
    Effect.gen(function* () {
      const { put, store, subject } = yield* opened(makeSubject)
      const length = subject.chain ?? 150
      const half = Math.floor(length / 2)
      yield* put("0", undefined, { "f/0": "0", last: "0" })
      for (let n = 1; n <= length; n++) yield* put(`${n}`, `${n - 1}`, { [`f/${n}`]: `${n}`, last: `${n}` })
      const all = yield* contents(store, id(`${length}`))
      expect(Object.keys(all)).toHaveLength(length + 3)
      expect(all["/f/0"]).toBe("file 0644 0:0 0")
      expect(all[`/f/${half}`]).toBe(`file 0644 0:0 ${half}`)
      expect(all["/last"]).toBe(`file 0644 0:0 ${length}`)
      expect((yield* contents(store, id(`${half}`)))["/last"]).toBe(`file 0644 0:0 ${half}`)
    })
  )

  it.scopedLive("a result that is asked for on a parent that is not there is refused", () =>
    Effect.gen(function* () {
      const { store, temporary } = yield* opened(makeSubject)
      const exit = yield* Effect.exit(make(store, "child", "no such parent", () => Effect.void))
      expect(Exit.isFailure(exit)).toBe(true)
      expect(yield* store.result(id("child"))).toEqual(Option.none())
      expect(yield* temporary).toEqual([])
    })
  )

  for (const [who, second] of [
    ["one process", false],
    ["two processes", true]
  ] as const) {
    it.scopedLive(`of two that make the same result at the same time in ${who}, the first to finish wins`, () =>
      Effect.gen(function* () {
        const { files, store, subject, temporary } = yield* opened(makeSubject)
        const other = second ? yield* open(subject) : store
        const bothFilling = yield* Effect.all([Deferred.make<void>(), Deferred.make<void>()])
        const mayEnd = yield* Effect.all([Deferred.make<void>(), Deferred.make<void>()])
        const racer = (store: StoreService, n: 0 | 1): Effect.Effect<void, StoreError> =>
          make(store, "base", undefined, ({ rootfs }) =>
            files
              .put(rootfs, { winner: `${n}` })
              .pipe(
                Effect.zipRight(Deferred.succeed(bothFilling[n], undefined)),
                Effect.zipRight(Deferred.await(mayEnd[n]))
              )
          )
        const first = yield* Effect.fork(racer(store, 0))
        const last = yield* Effect.fork(racer(other, 1))
        // Whoever fails before that has said why, rather than nothing.
        const filling = Effect.all(bothFilling.map(Deferred.await))
        yield* Effect.raceFirst(
          filling,
          Effect.zipRight(Effect.all([Fiber.join(first), Fiber.join(last)]), Effect.never)
        )
        yield* Deferred.succeed(mayEnd[1], undefined)
        yield* Fiber.join(last)
        yield* Deferred.succeed(mayEnd[0], undefined)
        yield* Fiber.join(first)
        expect(yield* contents(store, id("base"))).toEqual({ "/winner": "file 0644 0:0 1" })
        expect(yield* temporary).toEqual([])
      })
    )
  }

  it.scopedLive("another process that opens or closes the store leaves what is in the making alone", () =>
    Effect.gen(function* () {
      const { files, store, subject } = yield* opened(makeSubject)
      yield* make(store, "base", undefined, ({ log, rootfs }) =>
        Effect.gen(function* () {
          yield* files.put(rootfs, { a: "1" })
          yield* Effect.scoped(
            Effect.flatMap(open(subject), (other) => make(other, "other", undefined, () => Effect.void))
          )
          yield* files.put(rootfs, { b: "2" })
          yield* log(new TextEncoder().encode("still here"))
        })
      )
      expect(yield* contents(store, id("base"))).toEqual({ "/a": "file 0644 0:0 1", "/b": "file 0644 0:0 2" })
      expect(Buffer.from(yield* store.log(id("base"), 0, 100)).toString()).toBe("still here")
    })
  )

  it.scopedLive("a result's tree tells what it holds, without following links", () =>
    Effect.gen(function* () {
      const { files, put, store } = yield* opened(makeSubject)
      yield* put("base", undefined, {
        "d/old": "old",
        "d/x": { content: "run me", mode: 0o700 },
        outside: { link: "/d" }
      })
      yield* make(store, "child", "base", ({ rootfs }) =>
        Effect.zipRight(files.remove(rootfs, "d/old"), files.put(rootfs, { "d/new": "new" }))
      )
      const tree = yield* store.tree(id("child"))
      const { root } = yield* tree.manifest(".", ["x"])
      expect(root).toEqual({
        _tag: "Directory",
        name: "",
        entries: [
          {
            _tag: "Directory",
            name: "d",
            entries: [{ _tag: "File", name: "new", executable: false, size: 3, digest: sha256("new") }]
          },
          { _tag: "Link", name: "outside", target: "/d" }
        ]
      })
      const file = yield* tree.manifest("d/x", [])
      expect(file).toEqual({
        path: "d/x",
        root: { _tag: "File", name: "x", executable: true, size: 6, digest: sha256("run me") }
      })
      expect(Buffer.from(yield* tree.read("d/x")).toString()).toBe("run me")
      for (const refused of ["d/old", "outside/new", "../d", "d/new/below"]) {
        expect((yield* Effect.flip(tree.manifest(refused, [])))._tag).toBe("SourceError")
      }
    })
  )

  it.scopedLive("there is no tree, tar or log of a result that is not there", () =>
    Effect.gen(function* () {
      const { store } = yield* opened(makeSubject)
      expect(yield* Effect.flip(store.tree(id("none")))).toBeInstanceOf(UnknownId)
      expect(yield* Effect.flip(store.log(id("none"), 0, 1))).toBeInstanceOf(UnknownId)
      expect(yield* Effect.flip(store.tar(id("none"), () => Effect.void))).toBeInstanceOf(UnknownId)
    })
  )

  it.scopedLive("a result's tar is the same each time, in each process", () =>
    Effect.gen(function* () {
      const { put, store, subject } = yield* opened(makeSubject)
      const names = Array.from({ length: 50 }, (_, n) => `name ${(n * 7) % 50} é`)
      yield* put("base", undefined, Object.fromEntries(names.map((name) => [`${name}/${"long ".repeat(40)}`, name])))
      const first = yield* exported(store, id("base"))
      expect((yield* exported(store, id("base"))).equals(first)).toBe(true)
      const other = yield* open(subject)
      expect((yield* exported(other, id("base"))).equals(first)).toBe(true)
      const all = yield* contents(store, id("base"))
      expect(Object.keys(all)).toHaveLength(100)
      expect(all[`/name 7 é/${"long ".repeat(40)}`]).toBe("file 0644 0:0 name 7 é")
    })
  )
}
