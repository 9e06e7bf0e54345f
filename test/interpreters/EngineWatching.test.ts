/** What an engine tells of itself while builds go on, and who may watch. */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Spec } from "../../src/domain/Spec.ts"
import { Engine } from "../../src/interpreters/Engine.ts"
import { build, engine, LogView, newWorld, run, spec } from "./builds.ts"

const setUp = Effect.gen(function* () {
  const world = newWorld()
  const services = yield* Layer.build(engine(world))
  const start = (one: Spec, log = new LogView({ headings: false })) =>
    Effect.forkScoped(Effect.provide(build({ spec: one, onEvent: log.onEvent }), services))
  return { world, engine: Context.get(services, Engine), start }
})

/** A script that says a word, and goes on when the gate of this name lets it. */
const waiting = (gate: string): Spec => spec("base", [run(`echo begun; wait ${gate}; echo ended`)])

const reader = () => {
  const chunks: Array<Uint8Array> = []
  return {
    emit: (chunk: Uint8Array) => Effect.sync(() => void chunks.push(chunk)),
    text: () => Buffer.concat(chunks).toString()
  }
}

describe("an engine's statistics", () => {
  it.scoped("count what was in the store, what was not, and what was executed", () =>
    Effect.gen(function* () {
      const { engine, start } = yield* setUp
      const zero = { hits: 0, misses: 0, executed: 0, attached: 0, followed: 0 }
      expect(yield* engine.statistics).toEqual(zero)
      const one = spec("base", [run("echo A"), run("echo B")])
      yield* Fiber.join(yield* start(one))
      expect(yield* engine.statistics).toEqual({ ...zero, misses: 3, executed: 3 })
      yield* Fiber.join(yield* start(one))
      expect(yield* engine.statistics).toEqual({ ...zero, hits: 3, misses: 3, executed: 3 })
      yield* Fiber.await(yield* start(spec("base", [run("fail 1")])))
      expect(yield* engine.statistics).toEqual({ ...zero, hits: 4, misses: 4, executed: 4 })
    })
  )

  it.scoped("count builds that join each other in a step, here and in another process", () =>
    Effect.gen(function* () {
      const { engine: one, start, world } = yield* setUp
      const other = yield* Layer.build(engine(world))
      const gate = yield* world.gate("g")
      const building = yield* start(waiting("g"))
      const arrival = yield* gate.arrival
      const joined = new LogView({ headings: false })
      const joining = yield* start(waiting("g"), joined)
      yield* joined.await("---> using from cache\nbegun\n")
      const followed = new LogView({ headings: false })
      const following = yield* Effect.forkScoped(
        Effect.provide(build({ spec: waiting("g"), onEvent: followed.onEvent }), other)
      )
      yield* followed.await("---> using from cache\nbegun\n")
      yield* arrival.proceed
      yield* Fiber.joinAll([building, joining, following])
      expect(yield* one.statistics).toMatchObject({ hits: 1, misses: 3, executed: 2, attached: 1, followed: 0 })
      expect(yield* Context.get(other, Engine).statistics).toMatchObject({
        hits: 1,
        misses: 1,
        executed: 0,
        followed: 1
      })
    })
  )
})

describe("the steps that are being executed", () => {
  it.scoped("are listed with their builds, for as long as they are", () =>
    Effect.gen(function* () {
      const { engine, start, world } = yield* setUp
      const gate = yield* world.gate("g")
      const first = yield* start(waiting("g"))
      const arrival = yield* gate.arrival
      const log = new LogView({ headings: false })
      const second = yield* start(waiting("g"), log)
      yield* log.await("---> using from cache\nbegun\n")
      const [step, ...others] = yield* engine.running
      expect(others).toEqual([])
      expect(step).toMatchObject({ heading: '/: (run (shell "echo begun; wait g; echo ended"))', clients: 2, begun: 0 })
      yield* Fiber.interrupt(second)
      expect(yield* engine.running).toMatchObject([{ clients: 1 }])
      yield* arrival.proceed
      expect(yield* Fiber.join(first)).toBe(step?.id)
      expect(yield* engine.running).toEqual([])
    })
  )

  it.scoped("can be watched from their beginning to their end", () =>
    Effect.gen(function* () {
      const { engine, start, world } = yield* setUp
      const gate = yield* world.gate("g")
      const building = yield* start(waiting("g"))
      const arrival = yield* gate.arrival
      const [step] = yield* engine.running
      if (step === undefined) return yield* Effect.dieMessage("nothing is running")
      const { emit, text } = reader()
      const begun = yield* Effect.makeLatch()
      const watching = yield* Effect.fork(engine.watch(step.id, (chunk) => Effect.zipRight(emit(chunk), begun.open)))
      yield* begun.await
      expect(text()).toBe("begun\n")
      yield* arrival.proceed
      expect(yield* Fiber.join(watching)).toEqual(Option.some(undefined))
      expect(text()).toBe("begun\nended\n")
      expect(yield* Fiber.join(building)).toBe(step.id)
      expect(yield* engine.watch(step.id, emit)).toEqual(Option.none())
    })
  )

  it.scoped("fail for who watches as they fail", () =>
    Effect.gen(function* () {
      const { engine, start, world } = yield* setUp
      const gate = yield* world.gate("g")
      const building = yield* start(spec("base", [run("wait g; echo said; fail 3")]))
      const arrival = yield* gate.arrival
      const [step] = yield* engine.running
      if (step === undefined) return yield* Effect.dieMessage("nothing is running")
      const { emit, text } = reader()
      const watching = yield* Effect.fork(engine.watch(step.id, emit))
      yield* Effect.yieldNow()
      yield* arrival.proceed
      expect(yield* Effect.flip(Fiber.join(watching))).toMatchObject({ reason: { outcome: { status: 3 } } })
      expect(text()).toBe("said\n")
      yield* Fiber.await(building)
    })
  )

  it.scoped("are not kept going by who watches: when the last build goes, they are cancelled", () =>
    Effect.gen(function* () {
      const { engine, start, world } = yield* setUp
      const gate = yield* world.gate("g")
      const building = yield* start(waiting("g"))
      yield* gate.arrival
      const [step] = yield* engine.running
      if (step === undefined) return yield* Effect.dieMessage("nothing is running")
      // A slow reader: it has not read the log when the step has gone.
      const { emit, text } = reader()
      const goOn = yield* Effect.makeLatch()
      const called = yield* Effect.makeLatch()
      const slowly = (chunk: Uint8Array) => called.open.pipe(Effect.zipRight(goOn.await), Effect.zipRight(emit(chunk)))
      const watching = yield* Effect.fork(engine.watch(step.id, slowly))
      yield* called.await
      expect(Exit.isInterrupted(yield* Fiber.interrupt(building))).toBe(true)
      expect(yield* engine.running).toEqual([])
      expect(world.alive("run")).toEqual([])
      yield* goOn.open
      expect(yield* Effect.flip(Fiber.join(watching))).toMatchObject({ _tag: "StepCancelled", id: step.id })
      expect(text()).toBe("begun\n")
      expect([...world.temporary]).toEqual([])
    })
  )

  it.scoped("go on when who watches goes", () =>
    Effect.gen(function* () {
      const { engine, start, world } = yield* setUp
      const gate = yield* world.gate("g")
      const building = yield* start(waiting("g"))
      const arrival = yield* gate.arrival
      const [step] = yield* engine.running
      if (step === undefined) return yield* Effect.dieMessage("nothing is running")
      const called = yield* Effect.makeLatch()
      const watching = yield* Effect.fork(engine.watch(step.id, () => called.open))
      yield* called.await
      yield* Fiber.interrupt(watching)
      yield* arrival.proceed
      expect(yield* Fiber.join(building)).toBe(step.id)
      expect([...world.temporary]).toEqual([])
    })
  )
})
