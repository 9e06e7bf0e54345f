import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { sha256, stepId } from "../../../src/domain/Digest.ts"
import { BaseImageError, BaseImages } from "../../../src/interpreters/BaseImages.ts"
import * as Faults from "../../../src/interpreters/memory/Faults.ts"
import * as Memory from "../../../src/interpreters/memory/Memory.ts"
import * as MemoryBaseImages from "../../../src/interpreters/memory/MemoryBaseImages.ts"
import { TreeCell, toRootfs } from "../../../src/interpreters/memory/MemoryRootfs.ts"
import * as FileTree from "../../../src/interpreters/memory/FileTree.ts"
import { Crashed, InjectedDefect, MemorySession } from "../../../src/interpreters/memory/MemorySession.ts"
import * as MemoryWorld from "../../../src/interpreters/memory/MemoryWorld.ts"
import { Store, StoreError } from "../../../src/interpreters/Store.ts"

const id = stepId(sha256("result"))

const info = { id, parent: Option.none(), heading: "a step" }

/** Makes a result, and says what happened on the way. */
const making = (events: Array<string>) =>
  Effect.gen(function* () {
    const store = yield* Store
    yield* store.build(info, (workspace) =>
      workspace
        .log(new Uint8Array(0))
        .pipe(
          Effect.ensuring(Effect.sync(() => void events.push("finalizer"))),
          Effect.zipRight(Effect.yieldNow()),
          Effect.zipRight(Effect.sync(() => void events.push("filled")))
        )
    )
    events.push("made")
  }).pipe(Effect.scoped)

const stopped = (faults: Faults.Faults) =>
  Effect.gen(function* () {
    const world = MemoryWorld.make()
    const events: Array<string> = []
    const exit = yield* Memory.run(world, making(events), faults)
    return { world, events, exit, temporary: [...world.temporary.values()].map(({ what }) => what) }
  })

const defectOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Option.getOrUndefined(Cause.dieOption(exit.cause)) : undefined

describe("a run in memory", () => {
  it.effect("without faults is the program itself", () =>
    Effect.gen(function* () {
      const { events, exit, temporary, world } = yield* stopped(Faults.none)
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(events).toEqual(["finalizer", "filled", "made"])
      expect(world.results.has(id)).toBe(true)
      expect(temporary).toEqual([])
      expect(world.sessions.size).toBe(0)
      expect(yield* Memory.run(world, Effect.fail("its own error"))).toEqual(Exit.fail("its own error"))
    })
  )

  it.effect("fails at a point with the error of the operation's contract", () =>
    Effect.gen(function* () {
      const { exit, temporary, world } = yield* stopped(Faults.named("store.log", "Fail"))
      const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined
      expect(error).toBeInstanceOf(StoreError)
      expect(error).toMatchObject({ message: "injected failure at store.log" })
      expect([world.results.size, temporary]).toEqual([0, []])
    })
  )

  it.effect("dies at a point as by a bug", () =>
    Effect.gen(function* () {
      const { exit, temporary, world } = yield* stopped(Faults.named("store.log", "Die"))
      expect(defectOf(exit)).toEqual(new InjectedDefect({ point: "store.log" }))
      expect([world.results.size, temporary]).toEqual([0, []])
    })
  )

  it.effect("is interrupted at a point, its finalizers run", () =>
    Effect.gen(function* () {
      const { events, exit, temporary, world } = yield* stopped(Faults.named("store.log", "Interrupt"))
      expect(Exit.isInterrupted(exit)).toBe(true)
      expect(events).toEqual(["finalizer"])
      expect([world.results.size, temporary]).toEqual([0, []])
    })
  )

  it.effect("that is interrupted where it cannot be, goes on to where it can", () =>
    Effect.gen(function* () {
      const { events, exit, world } = yield* stopped(Faults.named("store.build.commit", "Interrupt"))
      expect(Exit.isInterrupted(exit)).toBe(true)
      expect(events).toEqual(["finalizer", "filled"])
      expect(world.results.has(id)).toBe(true)
    })
  )

  it.effect("that crashes changes nothing in the world any more, and the next session reclaims what it left", () =>
    Effect.gen(function* () {
      for (const point of ["store.log", "store.build.commit"]) {
        const { exit, temporary, world } = yield* stopped(Faults.named(point, "Crash"))
        expect(defectOf(exit)).toBeInstanceOf(Crashed)
        expect(world.results.size).toBe(0)
        expect(temporary).toEqual([`the making of ${id}`])
        expect(world.alive("build")).toEqual([])
        yield* Memory.run(world, Effect.void)
        expect([...world.temporary.values()]).toEqual([])
      }
    })
  )

  it.effect("that crashes leaves alone what a session that lives has in the making", () =>
    Effect.gen(function* () {
      const world = MemoryWorld.make()
      yield* Effect.gen(function* () {
        const store = yield* Store
        yield* store.build(info, () =>
          Effect.gen(function* () {
            yield* Memory.run(world, making([]), Faults.named("store.log", "Crash"))
            yield* Memory.run(world, Effect.void)
            expect(world.temporary.size).toBe(1)
          })
        )
      }).pipe(Effect.scoped, Effect.provide(Memory.layer(world)))
      expect(world.results.has(id)).toBe(true)
    })
  )

  it.effect("passes the same points each time", () =>
    Effect.gen(function* () {
      const passed = Effect.zipRight(
        making([]),
        Effect.map(MemorySession, (session) => [...session.passed])
      )
      const once = yield* Memory.run(MemoryWorld.make(), passed)
      expect(once).toEqual(Exit.succeed(["store.build.begin", "store.log", "store.build.commit"]))
      expect(yield* Memory.run(MemoryWorld.make(), passed)).toEqual(once)
    })
  )
})

describe("base images in memory", () => {
  const reference = "base"

  it.effect("are unpacked with the content that was resolved", () =>
    Effect.gen(function* () {
      const world = MemoryWorld.make({ base: MemoryWorld.base({ "etc/motd": "hello" }) })
      const cell = new TreeCell(FileTree.empty)
      yield* Effect.gen(function* () {
        const images = yield* BaseImages
        const base = yield* images.resolve(reference)
        expect(base).toMatchObject({ platform: "linux/amd64", environment: [{ name: "PATH", value: "/bin" }] })
        yield* images.unpack(reference, base, toRootfs(cell))
      }).pipe(Effect.provide(Memory.layer(world)))
      expect(FileTree.text(cell.tree, "/etc/motd")).toBe("hello")
    })
  )

  it.effect("that have changed since, or are not there, are refused", () =>
    Effect.gen(function* () {
      const world = MemoryWorld.make({ base: MemoryWorld.base({ "etc/motd": "hello" }) })
      const cell = new TreeCell(FileTree.empty)
      yield* Effect.gen(function* () {
        const images = yield* BaseImages
        expect(yield* Effect.flip(images.resolve("none"))).toBeInstanceOf(BaseImageError)
        const base = yield* images.resolve(reference)
        world.bases.set(reference, MemoryWorld.base({ "etc/motd": "changed" }))
        expect(yield* Effect.flip(images.unpack(reference, base, toRootfs(cell)))).toBeInstanceOf(BaseImageError)
      }).pipe(Effect.provide(Memory.layer(world)))
      expect(cell.tree).toBe(FileTree.empty)
    })
  )

  it("have a digest of all that a build could see of them", () => {
    const digests = [
      MemoryWorld.base({ a: "1" }),
      MemoryWorld.base({ a: "2" }),
      MemoryWorld.base({ b: "1" }),
      MemoryWorld.base({ a: { content: "1", mode: 0o755 } }),
      MemoryWorld.base({ a: { content: "1", uid: 1 } }),
      MemoryWorld.base({ a: "1" }, { environment: [] })
    ].map(MemoryBaseImages.digest)
    expect(new Set(digests).size).toBe(digests.length)
    expect(MemoryBaseImages.digest(MemoryWorld.base({ a: "1" }))).toBe(digests[0])
  })
})
