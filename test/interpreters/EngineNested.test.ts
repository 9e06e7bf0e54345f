import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Spec } from "../../src/domain/Spec.ts"
import { buildOnce, copy, failedWith, LogView, newWorld, run, spec } from "./builds.ts"

describe("nested builds", () => {
  const tool = (name: string): Spec => spec("base", [run(`echo ${name}; wait g`), run("write /out tool")])
  const both = spec("base", [copy(["out"], "/a", { from: "a" }), copy(["out"], "/b", { from: "b" })], {
    a: tool("a"),
    b: tool("b")
  })

  it.scoped("that do not depend on each other run at the same time with more jobs than one", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const gate = yield* world.gate("g")
      const fiber = yield* Effect.forkScoped(buildOnce(world, { spec: both, jobs: 2 }))
      const arrivals = [yield* gate.arrival, yield* gate.arrival]
      yield* Effect.forEach(arrivals, (arrival) => arrival.proceed)
      const id = yield* Fiber.join(fiber)
      expect(world.readText(id, "/a")).toBe("tool")
      expect(world.mostAtOnce("run")).toBe(2)
    })
  )

  it.scoped("run one after the other with one job", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const gate = yield* world.gate("g")
      const fiber = yield* Effect.forkScoped(buildOnce(world, { spec: both, jobs: 1 }))
      yield* Effect.flatMap(gate.arrival, (arrival) => arrival.proceed)
      yield* Effect.flatMap(gate.arrival, (arrival) => arrival.proceed)
      yield* Fiber.join(fiber)
      expect(world.mostAtOnce("build")).toBe(1)
    })
  )

  it.effect("run before what copies from them, though there are many jobs", () =>
    Effect.gen(function* () {
      const world = newWorld()
      yield* Effect.flatMap(world.gate("g"), (gate) => gate.open)
      yield* buildOnce(world, {
        spec: spec("base", [copy(["out"], "/", { from: "b" })], {
          a: tool("a"),
          b: spec("base", [copy(["out"], "/in", { from: "a" }), run("copy /in /out; append /out +")])
        }),
        jobs: 8
      })
      expect(world.done("run").map(({ subject }) => subject)).toEqual([
        "echo a; wait g",
        "write /out tool",
        "copy /in /out; append /out +"
      ])
    })
  )

  it.effect("that change and come out the same leave what follows cached, and known to be of use", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const building = (...before: ReadonlyArray<string>) =>
        buildOnce(world, {
          spec: spec("base", [copy(["out"], "/", { from: "a" }), run("append /out +")], {
            a: spec(
              "base",
              [...before, "write /out tool"].map((command) => run(command))
            )
          })
        })
      const first = yield* building()
      for (const result of world.results.values()) result.lastUsed = 0
      const runs = world.done("run").length
      expect(yield* building("echo changed")).toBe(first)
      expect(world.done("run").length).toBe(runs + 2)
      expect(world.results.get(first)?.lastUsed).toBeGreaterThan(0)
    })
  )

  it.effect("that fail fail the build, and stop those that run beside them", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const gate = yield* world.gate("g")
      const fiber = yield* Effect.fork(
        buildOnce(world, { spec: spec("base", [], { a: tool("a"), b: spec("base", [run("wait g")]) }), jobs: 2 })
      )
      yield* gate.arrival
      yield* Effect.flatMap(gate.arrival, (arrival) => arrival.fail(5))
      expect(failedWith(yield* Effect.flip(Fiber.join(fiber)))).toEqual({ _tag: "Exit", status: 5 })
      expect(world.alive("run")).toEqual([])
      expect([...world.temporary]).toEqual([])
    })
  )

  it.effect("that were executed again with the same files leave all that copies from them cached", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const copying = (comment: string): Spec =>
        spec("base", [copy(["out"], "/in", { from: "tool" }), run("append /in/bin +"), run("append /in/bin !")], {
          tool: spec("base", [run(`echo ${comment}`), run("write /out/bin program")])
        })
      const first = yield* buildOnce(world, { spec: copying("one") })
      expect(yield* buildOnce(world, { spec: copying("two") })).toBe(first)
      // The planned ids have changed from the copy on; what they mean was found out, and is known from now on.
      expect(yield* buildOnce(world, { spec: copying("two") })).toBe(first)
      expect(world.done("run").map(({ subject }) => subject)).toEqual([
        "echo one",
        "write /out/bin program",
        "append /in/bin +",
        "append /in/bin !",
        "echo two",
        "write /out/bin program"
      ])
    })
  )

  it.effect("whose copied files are known need not be there any more", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const one = spec("base", [copy(["out"], "/", { from: "tool" }), run("append /out +")], {
        tool: spec("base", [run("write /out program"), run("echo last")])
      })
      const first = yield* buildOnce(world, { spec: one })
      for (const [id, { info }] of world.results) if (info.heading.includes("echo last")) world.results.delete(id)
      const log = new LogView()
      expect(yield* buildOnce(world, { spec: one, onEvent: log.onEvent })).toBe(first)
      expect(world.done("run")).toHaveLength(3)
      expect(log.text).toContain('--> skipped "tool"')
    })
  )

  it.effect("that give other files when they run again take what follows with them, whatever was copied before", () =>
    Effect.gen(function* () {
      const world = newWorld()
      // What the cache holds decides what is made: the second run makes something else.
      const changing = spec("base", [run("append /cache/f x; copy /cache/f /out", { caches: { c: "/cache" } })])
      const one = spec("base", [copy(["out"], "/a", { from: "a" }), copy(["base-id"], "/b", { from: "b" })], {
        a: changing,
        b: spec("base", [])
      })
      const first = yield* buildOnce(world, { spec: one })
      expect(world.readText(first, "/a")).toBe("x")
      // All is removed but the base and the last step, of which the store still knows what it was copied on.
      for (const id of world.results.keys()) {
        const heading = world.results.get(id)?.info.heading ?? ""
        if (heading.includes("append") || heading.includes("(dst /a)")) world.results.delete(id)
      }
      expect(world.results.size).toBe(2)
      const second = yield* buildOnce(world, { spec: one })
      expect(world.readText(second, "/a")).toBe("xx")
      expect(world.readText(second, "/b")).toBe("base-distro\n")
    })
  )

  it.effect("are built even when nothing copies from them", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const error = yield* Effect.flip(
        buildOnce(world, { spec: spec("base", [], { check: spec("base", [run("fail 9")]) }) })
      )
      expect(failedWith(error)).toEqual({ _tag: "Exit", status: 9 })
    })
  )
})
