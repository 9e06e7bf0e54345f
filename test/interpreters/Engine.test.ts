import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { StepId } from "../../src/domain/Digest.ts"
import type { Spec } from "../../src/domain/Spec.ts"
import { MissingSecret, StepFailed } from "../../src/interpreters/Engine.ts"
import * as FileTree from "../../src/interpreters/memory/FileTree.ts"
import type { Gate } from "../../src/interpreters/memory/Gate.ts"
import * as MemoryWorld from "../../src/interpreters/memory/MemoryWorld.ts"
import * as TreeSource from "../../src/interpreters/memory/TreeSource.ts"
import { CommandFailed } from "../../src/interpreters/Sandbox.ts"
import { CopyError } from "../../src/interpreters/Store.ts"
import { build, buildOnce, copy, engine, LogView, run, spec } from "./builds.ts"

const newWorld = () => MemoryWorld.make({ base: MemoryWorld.base({ "base-id": "base-distro\n" }) })

const tree = (entries: Parameters<typeof FileTree.make>[0]) => TreeSource.fromTree(FileTree.make(entries))

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A command that fails, and the status that it failed with. */
const failedWith = (error: unknown): unknown =>
  error instanceof StepFailed && error.reason instanceof CommandFailed ? error.reason.outcome : error

describe("a build", () => {
  it.effect("logs its operations and the output of its commands", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const log = new LogView()
      const id = yield* buildOnce(world, {
        spec: spec("base", [run("echo Append; append base-id runner")]),
        onEvent: log.onEvent
      })
      expect(world.readText(id, "/base-id")).toBe("base-distro\nrunner")
      expect(log.text).toBe(
        '(from base)\n---> saved\n/: (run (shell "echo Append; append base-id runner"))\nAppend\n---> saved\n'
      )
    })
  )

  it.effect("that was built before executes nothing and replays the output", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const request = { spec: spec("base", [run("echo one; echo two"), run("echo three")]) }
      const first = yield* buildOnce(world, request)
      const before = world.activities.length
      const log = new LogView()
      expect(yield* buildOnce(world, { ...request, onEvent: log.onEvent })).toBe(first)
      expect(world.activities).toHaveLength(before)
      expect(log.text).toBe(
        '(from base)\n---> using from cache\n/: (run (shell "echo one; echo two"))\none\ntwo\n---> using from cache\n' +
          '/: (run (shell "echo three"))\nthree\n---> using from cache\n'
      )
    })
  )

  it.effect("reuses what it has in common with another", () =>
    Effect.gen(function* () {
      const world = newWorld()
      yield* buildOnce(world, { spec: spec("base", [run("echo A"), run("echo B")]) })
      yield* buildOnce(world, { spec: spec("base", [run("echo A"), run("echo C")]) })
      expect(world.done("run").map(({ subject }) => subject)).toEqual(["echo A", "echo B", "echo C"])
      expect(world.done("unpack")).toHaveLength(1)
    })
  )

  it.effect("runs a command with what the spec set, over the base's environment", () =>
    Effect.gen(function* () {
      const world = MemoryWorld.make({
        base: MemoryWorld.base({}, { environment: [{ name: "A", value: "base" }, { name: "B", value: "base" }] })
      })
      const log = new LogView()
      yield* buildOnce(world, {
        spec: spec("base", [
          { _tag: "Env", name: "B", value: "spec" },
          { _tag: "Workdir", path: "/w" },
          { _tag: "User", user: { _tag: "Unix", uid: 1, gid: 2 } },
          run("env A; env B; pwd; id; network; hostname", { network: ["host"] })
        ]),
        onEvent: log.onEvent
      })
      expect(log.text).toContain("base\nspec\n/w\n1 2\nhost\nbuilder\n")
    })
  )

  it.effect("copies from the source directory and from nested builds", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const id = yield* buildOnce(world, {
        context: tree({ "src/main.ts": "main", "src/.git/x": "" }),
        spec: spec(
          "base",
          [copy(["out"], "/", { from: "tools" }), copy(["src"], "/app/", { exclude: [".git"] })],
          { tools: spec("base", [run("write /out/tool x; chmod 755 /out/tool")]) }
        )
      })
      expect(world.listing(id)?.map(({ path, mode }) => `${mode} ${path}`)).toEqual([
        "0755 /",
        "0755 /app",
        "0755 /app/src",
        "0644 /app/src/main.ts",
        "0644 /base-id",
        "0755 /out",
        "0755 /out/tool"
      ])
    })
  )

  it.effect("keeps what a failed step needed, but not the step", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const failing = { spec: spec("base", [run("write /a 1"), run("fail 3"), run("echo never")]) }
      for (let n = 1; n <= 2; n++) {
        const error = yield* Effect.flip(buildOnce(world, failing))
        expect(failedWith(error)).toEqual({ _tag: "Exit", status: 3 })
        expect(world.done("run", "fail 3")).toHaveLength(n)
      }
      expect(world.done("run", "write /a 1")).toHaveLength(1)
      expect(world.done("run", "echo never")).toEqual([])
      expect(world.results.size).toBe(2)
      expect([...world.temporary]).toEqual([])
    })
  )

  it.effect("fails at the copy whose source changed after planning, and keeps nothing of it", () =>
    Effect.gen(function* () {
      const world = newWorld()
      let text = "before"
      const context = TreeSource.make(() => FileTree.make({ f: text }))
      const exit = yield* buildOnce(world, {
        context,
        spec: spec("base", [run("echo first"), copy(["f"], "/f")]),
        onEvent: (event) => Effect.sync(() => (event._tag === "Output" ? void (text = "after!") : undefined))
      }).pipe(Effect.flip)
      expect(exit instanceof StepFailed && exit.reason).toBeInstanceOf(CopyError)
      expect(world.results.size).toBe(2)
    })
  )
})

describe("secrets", () => {
  const request = {
    spec: spec("base", [
      run("copy /testsecret /out; append /out +; cat /run/secrets/test2", {
        secrets: { test: "/testsecret", test2: "/run/secrets/test2" }
      }),
      run("cat /out; list /")
    ])
  }

  it.effect("are files for one step, and not part of its result", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const log = new LogView()
      const secrets = new Map([
        ["test", bytes("top secret value")],
        ["test2", bytes("other\n")]
      ])
      const id = yield* buildOnce(world, { ...request, secrets, onEvent: log.onEvent })
      expect(log.text).toBe(`(from base)
---> saved
/: (run (secrets (test (target /testsecret)) (test2 (target /run/secrets/test2)))
        (shell "copy /testsecret /out; append /out +; cat /run/secrets/test2"))
other
---> saved
/: (run (shell "cat /out; list /"))
top secret value+base-id
out
---> saved
`)
      expect(world.listing(id)?.map(({ path }) => path)).toEqual(["/", "/base-id", "/out"])
    })
  )

  it.effect("have values that do not matter to what is cached", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const with_ = (value: string) => new Map([["test", bytes(value)], ["test2", bytes(value)]])
      const first = yield* buildOnce(world, { ...request, secrets: with_("1") })
      expect(yield* buildOnce(world, { ...request, secrets: with_("2") })).toBe(first)
      expect(world.done("run")).toHaveLength(2)
    })
  )

  it.effect("that are missing fail the build before anything runs", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const error = yield* Effect.flip(buildOnce(world, { ...request, secrets: new Map([["test", bytes("")]]) }))
      expect(error).toBeInstanceOf(MissingSecret)
      expect(error instanceof MissingSecret && error.id).toBe("test2")
      expect(world.activities).toEqual([])
    })
  )
})

describe("caches", () => {
  it.effect("are seen by later steps and builds, and are not part of a result", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const caches = { c: "/cache" }
      const first = yield* buildOnce(world, { spec: spec("base", [run("write /cache/f 1", { caches })]) })
      expect(world.listing(first)?.map(({ path }) => path)).toEqual(["/", "/base-id"])
      const log = new LogView()
      yield* buildOnce(world, {
        spec: spec("base", [run("cat /cache/f; append /cache/f 2", { caches }), run("cat /elsewhere/f", { caches: { c: "/elsewhere" } })]),
        onEvent: log.onEvent
      })
      expect(log.text).toMatch(/\n1---> saved\n[^]*\n12---> saved\n$/)
    })
  )

  it.effect("keep what a failed step left", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const caches = { c: "/cache" }
      yield* Effect.flip(buildOnce(world, { spec: spec("base", [run("write /cache/f 1; fail", { caches })]) }))
      expect(FileTree.text(world.caches.get("c")?.tree ?? FileTree.empty, "/f")).toBe("1")
    })
  )

  it.effect("that many steps use at once do not make them wait for each other", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const gate = yield* world.gate("g")
      const using = (n: number): Spec => spec("base", [run(`write /c/f ${n}; wait g`, { caches: { c: "/c" } })])
      const fiber = yield* Effect.fork(
        buildOnce(world, { spec: spec("base", [], { a: using(1), b: using(2) }), jobs: 2 })
      )
      const [first, second] = [yield* gate.arrival, yield* gate.arrival]
      yield* second.proceed
      yield* first.proceed
      yield* Fiber.join(fiber)
      expect(world.mostAtOnce("run")).toBe(2)
    })
  )
})

const FROM = "(from base)\n"
const heading = (script: string): string => `/: (run (shell "${script}"))\n`

/** Tests with one engine, on which builds are started one after the other. */
const withEngine = <E>(
  test: (shared: {
    readonly world: MemoryWorld.MemoryWorld
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
        yield* Effect.raceFirst(Fiber.await(other.fiber), Effect.flatMap(gate.arrival, (again) => again.fail(7)))
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
})

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
