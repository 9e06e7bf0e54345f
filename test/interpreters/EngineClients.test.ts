import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { StepId } from "../../src/domain/Digest.ts"
import type { Spec } from "../../src/domain/Spec.ts"
import type { Gate } from "../../src/interpreters/memory/Gate.ts"
import type { MemoryWorld } from "../../src/interpreters/memory/MemoryWorld.ts"
import { build, engine, failedWith, LogView, newWorld, run, spec } from "./builds.ts"

const FROM = "(from base)\n"
const heading = (script: string): string => `/: (run (shell "${script}"))\n`

/** Tests with one engine, on which builds are started one after the other. */
const withEngine = <E>(
  test: (shared: {
    readonly world: MemoryWorld
    /** The gate `g`. */
    readonly gate: Gate
    readonly start: (one: Spec) => Effect.Effect<Client, never, Scope.Scope>
  }) => Effect.Effect<void, E, Scope.Scope>
) =>
  Effect.gen(function* () {
    const world = newWorld()
    const gate = yield* world.gate("g")
    const services = yield* Layer.build(engine(world))
    const start = (one: Spec) => {
      const log = new LogView()
      const building = Effect.provide(build({ spec: one, onEvent: log.onEvent }), services)
      return Effect.map(Effect.forkScoped(building), (fiber): Client => ({ log, fiber }))
    }
    yield* test({ world, gate, start })
    expect([...world.temporary]).toEqual([])
    expect(world.alive("run")).toEqual([])
  })

interface Client {
  readonly log: LogView
  readonly fiber: Fiber.RuntimeFiber<StepId, unknown>
}

describe("builds at the same time on one engine", () => {
  const WAIT = "echo Wait; wait g; echo ok"
  const waiting = spec("base", [run(WAIT)])
  const atWait = `${FROM}---> saved\n${heading(WAIT)}Wait\n`
  const atWaitToo = `${FROM}---> using from cache\n${heading(WAIT)}Wait\n`

  it.scoped("share a step: it runs once, and all see its log while it runs", () =>
    withEngine(({ gate, start, world }) =>
      Effect.gen(function* () {
        const A = "echo A; write /output A; wait g"
        const one = yield* start(spec("base", [run(A), run("append /output B")]))
        const arrival = yield* gate.arrival
        yield* one.log.await(`${FROM}---> saved\n${heading(A)}A\n`)
        const other = yield* start(spec("base", [run(A), run("append /output C")]))
        yield* other.log.await(`${FROM}---> using from cache\n${heading(A)}A\n`)
        yield* arrival.proceed
        expect(world.readText(yield* Fiber.join(one.fiber), "/output")).toBe("AB")
        expect(world.readText(yield* Fiber.join(other.fiber), "/output")).toBe("AC")
        const end = `${heading(A)}A\n---> saved\n`
        expect(one.log.text).toBe(`${FROM}---> saved\n${end}${heading("append /output B")}---> saved\n`)
        expect(other.log.text).toBe(`${FROM}---> using from cache\n${end}${heading("append /output C")}---> saved\n`)
        expect(world.done("run", A)).toHaveLength(1)
      })
    )
  )

  it.effect("share their steps however their fibers take turns", () =>
    Effect.gen(function* () {
      const shared = spec("base", [run("echo A"), run("echo B")], { tool: spec("base", [run("echo C")]) })
      for (let turns = 16; turns <= 64; turns++) {
        const world = newWorld()
        const clients = Effect.all([build({ spec: shared }), build({ spec: shared }), build({ spec: shared })], {
          concurrency: 3
        })
        yield* clients.pipe(Effect.withMaxOpsBeforeYield(turns), Effect.provide(engine(world)))
        expect(
          world
            .done("run")
            .map(({ subject }) => subject)
            .sort()
        ).toEqual(["echo A", "echo B", "echo C"])
      }
    })
  )

  it.scoped("share a failure: both have its output and its error, and nothing is kept", () =>
    withEngine(({ gate, start, world }) =>
      Effect.gen(function* () {
        const one = yield* start(spec("base", [run(WAIT), run("echo B")]))
        const arrival = yield* gate.arrival
        const other = yield* start(spec("base", [run(WAIT), run("echo C")]))
        yield* other.log.await(atWaitToo)
        yield* arrival.fail(7)
        for (const { fiber } of [one, other]) {
          const error = yield* Effect.flip(Fiber.join(fiber))
          expect(failedWith(error)).toEqual({ _tag: "Exit", status: 7 })
        }
        expect(one.log.text).toBe(atWait)
        expect(other.log.text).toBe(atWaitToo)
        expect(world.results.size).toBe(1)
        expect(world.done("run")).toHaveLength(1)
      })
    )
  )

  it.scoped("share a failure that comes at the moment in which the second one attaches", () =>
    withEngine(({ gate, start, world }) =>
      Effect.gen(function* () {
        const one = yield* start(waiting)
        const arrival = yield* gate.arrival
        const other = yield* start(waiting)
        yield* arrival.fail(7)
        expect(failedWith(yield* Effect.flip(Fiber.join(one.fiber)))).toEqual({ _tag: "Exit", status: 7 })
        // Too late to attach, the other one has begun anew; in time, it has failed too.
        yield* Effect.raceFirst(
          Fiber.await(other.fiber),
          Effect.flatMap(gate.arrival, (again) => again.fail(7))
        )
        expect(failedWith(yield* Effect.flip(Fiber.join(other.fiber)))).toEqual({ _tag: "Exit", status: 7 })
        expect(world.results.size).toBe(1)
      })
    )
  )

  it.scoped("end when they are cancelled, with their step", () =>
    withEngine(({ gate, start, world }) =>
      Effect.gen(function* () {
        const one = yield* start(waiting)
        yield* gate.arrival
        yield* one.log.await(atWait)
        expect(Exit.isInterrupted(yield* Fiber.interrupt(one.fiber))).toBe(true)
        expect(world.alive("run")).toEqual([])
        expect(one.log.text).toBe(atWait)
        expect(world.results.size).toBe(1)
      })
    )
  )

  it.scoped("go on when one of two that share a step is cancelled", () =>
    withEngine(({ gate, start, world }) =>
      Effect.gen(function* () {
        const one = yield* start(waiting)
        const arrival = yield* gate.arrival
        const other = yield* start(waiting)
        yield* other.log.await(atWaitToo)
        expect(Exit.isInterrupted(yield* Fiber.interrupt(one.fiber))).toBe(true)
        expect(one.log.text).toBe(atWait)
        expect(world.alive("run")).toHaveLength(1)
        yield* arrival.proceed
        yield* Fiber.join(other.fiber)
        expect(other.log.text).toBe(`${atWaitToo}ok\n---> saved\n`)
        expect(world.done("run")).toHaveLength(1)
      })
    )
  )

  it.scoped("cancel the step that they share when the last of them is cancelled", () =>
    withEngine(({ gate, start, world }) =>
      Effect.gen(function* () {
        const one = yield* start(waiting)
        yield* gate.arrival
        const other = yield* start(waiting)
        yield* other.log.await(atWaitToo)
        yield* Fiber.interrupt(one.fiber)
        expect(world.alive("run")).toHaveLength(1)
        expect(Exit.isInterrupted(yield* Fiber.interrupt(other.fiber))).toBe(true)
        expect(world.alive("run")).toEqual([])
        expect(other.log.text).toBe(atWaitToo)
        expect(world.results.size).toBe(1)
      })
    )
  )

  it.scoped("do not hurt the next execution by leaving one that has failed", () =>
    withEngine(({ gate, start, world }) =>
      Effect.gen(function* () {
        const one = yield* start(waiting)
        yield* Effect.flatMap(gate.arrival, (arrival) => arrival.fail(1))
        const second = yield* start(waiting)
        const arrival = yield* gate.arrival
        yield* second.log.await(atWaitToo)
        yield* Fiber.interrupt(one.fiber)
        const third = yield* start(waiting)
        yield* third.log.await(atWaitToo)
        yield* arrival.proceed
        expect(yield* Fiber.join(second.fiber)).toBe(yield* Fiber.join(third.fiber))
        expect(world.done("run")).toHaveLength(2)
      })
    )
  )

  it.scoped("wait for an execution that is still being cancelled, and then build again", () =>
    withEngine(({ gate, start, world }) =>
      Effect.gen(function* () {
        const HOLD = "echo Wait; hold g; echo ok"
        const one = yield* start(spec("base", [run(HOLD)]))
        const held = yield* gate.arrival
        const cancelling = yield* Effect.forkScoped(Fiber.interrupt(one.fiber))
        const second = yield* start(spec("base", [run(HOLD)]))
        yield* second.log.await(`${FROM}---> using from cache\n${heading(HOLD)}`)
        expect(world.alive("run")).toHaveLength(1)
        yield* held.proceed
        expect(Exit.isInterrupted(yield* Fiber.join(cancelling))).toBe(true)
        yield* Effect.flatMap(gate.arrival, (arrival) => arrival.proceed)
        yield* Fiber.join(second.fiber)
        expect(world.mostAtOnce("run")).toBe(1)
        expect(world.done("run")).toHaveLength(2)
        expect(second.log.text).toBe(`${FROM}---> using from cache\n${heading(HOLD)}Wait\nok\n---> saved\n`)
      })
    )
  )

  it.scoped("can be cancelled while they wait for an execution that is still being cancelled", () =>
    withEngine(({ gate, start }) =>
      Effect.gen(function* () {
        const HOLD = "echo Wait; hold g; echo ok"
        const one = yield* start(spec("base", [run(HOLD)]))
        const held = yield* gate.arrival
        const cancelling = yield* Effect.forkScoped(Fiber.interrupt(one.fiber))
        const second = yield* start(spec("base", [run(HOLD)]))
        yield* second.log.await(`${FROM}---> using from cache\n${heading(HOLD)}`)
        expect(Exit.isInterrupted(yield* Fiber.interrupt(second.fiber))).toBe(true)
        yield* held.proceed
        yield* Fiber.join(cancelling)
      })
    )
  )
})
