/** Builds that share a step, and what becomes of the one when the other goes. */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Spec } from "../../src/domain/Spec.ts"
import { Engine, StepFailed } from "../../src/interpreters/Engine.ts"
import * as FileTree from "../../src/interpreters/memory/FileTree.ts"
import * as Memory from "../../src/interpreters/memory/Memory.ts"
import * as TreeSource from "../../src/interpreters/memory/TreeSource.ts"
import { SourceError, type SourceTree } from "../../src/interpreters/SourceTree.ts"
import { Store } from "../../src/interpreters/Store.ts"
import { build, copy, newWorld, type Request, run, spec } from "./builds.ts"

/** An engine on which the first copy of a file out of a result waits, until it is let go on. */
const setUp = Effect.gen(function* () {
  const world = newWorld()
  const begun = yield* Effect.makeLatch()
  const goOn = yield* Effect.makeLatch()
  const wait = Effect.zipRight(begun.open, goOn.await)
  const layer = Layer.map(Memory.layer(world), (services) => {
    const store = Context.get(services, Store)
    const slow = (tree: SourceTree): SourceTree => ({ ...tree, read: (path) => Effect.zipRight(wait, tree.read(path)) })
    return Context.add(services, Store, { ...store, tree: (id) => Effect.map(store.tree(id), slow) })
  })
  const services = yield* Layer.build(Layer.provideMerge(Engine.layer, layer))
  const engine = Context.get(services, Engine)
  return {
    world,
    begun,
    goOn,
    wait,
    engine,
    start: (request: Request) => Effect.forkScoped(Effect.provide(build(request), services)),
    /** Waits until so many builds want the one step that is being executed. */
    wanted: (by: number) =>
      Effect.repeat(Effect.zipRight(Effect.yieldNow(), engine.running), {
        until: (running) => running.some(({ clients }) => clients === by)
      })
  }
})

const copying: Spec = spec("base", [copy(["f"], "/g", { from: "a" })], { a: spec("base", [run("write /f said")]) })

describe("a build that shares a copy with another one", () => {
  it.scoped("has what is copied from a nested build, though that which began it is cancelled", () =>
    Effect.gen(function* () {
      const { begun, goOn, start, wanted, world } = yield* setUp
      const first = yield* start({ spec: copying })
      yield* begun.await
      const second = yield* start({ spec: copying })
      yield* wanted(2)
      yield* Fiber.interrupt(first)
      yield* goOn.open
      expect(world.readText(yield* Fiber.join(second), "/g")).toBe("said")
      expect([...world.temporary]).toEqual([])
    })
  )

  it.scoped("copies from its own source directory where that of the cancelled one has gone", () =>
    Effect.gen(function* () {
      const { begun, engine, goOn, start, wait, wanted, world } = yield* setUp
      const one = spec("base", [copy(["a"], "/")])
      const context = TreeSource.fromTree(FileTree.make({ a: "A" }))
      const gone = new SourceError({ path: "a", message: "it has gone", hint: Option.none() })
      const first = yield* start({
        spec: one,
        context: { ...context, read: () => Effect.zipRight(wait, Effect.fail(gone)) }
      })
      yield* begun.await
      const second = yield* start({ spec: one, context })
      yield* wanted(2)
      yield* Fiber.interrupt(first)
      yield* goOn.open
      expect(world.readText(yield* Fiber.join(second), "/a")).toBe("A")
      expect((yield* engine.statistics).executed).toBe(3)
    })
  )

  it.scoped("fails as that does which began it and goes on, at its own step", () =>
    Effect.gen(function* () {
      const { begun, goOn, start, wait, wanted } = yield* setUp
      const inner = spec("base", [copy(["a"], "/")])
      const context = TreeSource.fromTree(FileTree.make({ a: "A" }))
      const gone = new SourceError({ path: "a", message: "it has gone", hint: Option.none() })
      const failing = { ...context, read: () => Effect.zipRight(wait, Effect.fail(gone)) }
      const first = yield* start({ spec: inner, context: failing })
      yield* begun.await
      const second = yield* start({ spec: spec("base", [run("echo never")], { named: inner }), context: failing })
      yield* wanted(2)
      yield* goOn.open
      const stages: Array<string> = []
      for (const fiber of [first, second]) {
        const error = yield* Effect.flip(Fiber.join(fiber))
        if (!(error instanceof StepFailed)) return yield* Effect.dieMessage(String(error))
        expect(error.reason).toBe(gone)
        stages.push(error.step.stage)
      }
      expect(stages).toEqual(["", "named"])
    })
  )

  it.scoped("counts as attached to another build, but not to itself; what it lacks it misses once", () =>
    Effect.gen(function* () {
      const { engine, start, wanted, world } = yield* setUp
      const gate = yield* world.gate("g")
      const inner = spec("base", [run("wait g")])
      const one = spec("base", [run("echo")], { a: inner, b: inner })
      yield* Fiber.join(yield* start({ spec: spec("base", []) }))
      const before = yield* engine.statistics
      const first = yield* start({ spec: one, jobs: 4 })
      const arrival = yield* gate.arrival
      yield* wanted(2)
      const second = yield* start({ spec: inner })
      yield* wanted(3)
      yield* arrival.proceed
      yield* Fiber.joinAll([first, second])
      const { attached, executed, misses } = yield* engine.statistics
      expect({ attached, executed: executed - before.executed, misses: misses - before.misses }).toEqual({
        attached: 1,
        executed: 2,
        misses: 3
      })
    })
  )
})
