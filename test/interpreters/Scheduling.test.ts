/** What a scheduler asks of an engine, in memory. */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { Diagnostic, Engine, Sandbox, Spec, Store } from "../../src/index.ts"
import { FileTree, Memory, MemoryWorld, TreeSource } from "../../src/testing.ts"
import { scratchDirectory } from "./host/scratch.ts"

const newWorld = () => MemoryWorld.make({ base: MemoryWorld.base({ "etc/motd": "hello\n" }) })
const context = TreeSource.fromTree(FileTree.make({ a: "A" }))
const spec = Spec.from("base").pipe(Spec.copy("a", "/"), Spec.run("cat /a"))
const text = '((from base) (copy (src a) (dst /)) (run (shell "cat /a")))'

const on =
  (world: MemoryWorld.MemoryWorld) =>
  <A, E>(effect: Effect.Effect<A, E, Engine.Engine>) =>
    Effect.provide(effect, Memory.backend(world))

const output = <E, R>(stream: Stream.Stream<Uint8Array, E, R>) =>
  Stream.runFold(stream, "", (sofar, chunk) => sofar + Buffer.from(chunk).toString())

describe("Engine.build", () => {
  const scratch = scratchDirectory("scheduling")

  it.effect("takes a spec, its text, or what was planned, and all come to the same", () => {
    Fs.writeFileSync(`${scratch.path}/a`, "A")
    return on(newWorld())(
      Effect.gen(function* () {
        const { id } = yield* Engine.build({ spec, context })
        expect((yield* Engine.build({ spec: text, context })).id).toBe(id)
        expect((yield* Engine.build({ spec, directory: scratch.path })).id).toBe(id)
        const prepared = yield* Engine.plan(spec, { directory: scratch.path })
        expect(prepared.plan.result).toBe(id)
        expect((yield* Engine.build({ ...prepared, jobs: 1 })).id).toBe(id)
        expect((yield* Engine.statistics).executed).toBe(3)
      })
    )
  })

  it.effect("gives secrets as text or bytes, and events to who asks", () =>
    on(newWorld())(
      Effect.gen(function* () {
        const secrets = ["one", "two"].map((id) => ({ id, target: `/run/${id}` }))
        const asking = Spec.from("base").pipe(Spec.run("cat /run/one; cat /run/two", { secrets }))
        const shown: Array<string> = []
        const onEvent = (event: { readonly _tag: string; readonly chunk?: Uint8Array }) =>
          Effect.sync(() => void shown.push(Buffer.from(event.chunk ?? []).toString()))
        const missing = yield* Effect.flip(Engine.build({ spec: asking, context, secrets: { one: "1" } }))
        expect(missing).toMatchObject({ _tag: "MissingSecret", id: "two" })
        yield* Engine.build({ spec: asking, context, secrets: { one: "1", two: new Uint8Array([50]) }, onEvent })
        expect(shown.join("")).toBe("12")
        const map = new Map([
          ["one", new Uint8Array([49])],
          ["two", new Uint8Array([50])]
        ])
        yield* Engine.build({ spec: asking, context, secrets: map })
        expect((yield* Engine.statistics).executed).toBe(2)
      })
    )
  )

  it.effect("leaves the store out of what is copied, also where the caller leaves out more", () => {
    const directory = `${scratch.path}/project`
    for (const name of ["kept", "store", "secret", "private"]) {
      Fs.mkdirSync(`${directory}/${name}`, { recursive: true })
      Fs.writeFileSync(`${directory}/${name}/f`, name)
    }
    const world = newWorld()
    const layer = Layer.map(Memory.layer(world), (services) =>
      Context.add(services, Store.Store, { ...Context.get(services, Store.Store), name: `rsync:${directory}/store` })
    )
    return Effect.gen(function* () {
      const all = Spec.from("base").pipe(Spec.copy(".", "/all/"))
      const left = (without: string | ReadonlyArray<string> | undefined, ...names: ReadonlyArray<string>) =>
        Effect.gen(function* () {
          const { plan } = yield* Engine.plan(all, { directory, ...(without === undefined ? {} : { without }) })
          const { id } = yield* Engine.build({ spec: all, directory, ...(without === undefined ? {} : { without }) })
          expect(id).toBe(plan.result)
          const there = ["kept", "store", "secret", "private"].filter(
            (name) => world.readText(id, `/all/${name}/f`) === name
          )
          expect(there).toEqual(names)
        })
      yield* left(undefined, "kept", "secret", "private")
      yield* left(`${directory}/secret`, "kept", "private")
      yield* left([`${directory}/secret`, `${directory}/private`, `${scratch.path}/nowhere`], "kept")
    }).pipe(Effect.provide(Layer.provideMerge(Engine.Engine.layer, layer)))
  })

  it.effect("says what is wrong with the spec, the files and the bases, where it stands", () =>
    on(newWorld())(
      Effect.gen(function* () {
        const fails = (one: Spec.Spec | string) => Effect.flip(Engine.build({ spec: one, context }))
        const unread = yield* fails("((from base)\n (copy (src b) (dst /)))")
        expect(unread).toMatchObject({ _tag: "SpecError", span: { start: { line: 2 } } })
        if (unread._tag === "SpecError") expect(Diagnostic.render(unread, { color: false })).toContain("2 |")
        expect(yield* fails(Spec.from("base").pipe(Spec.copy("b", "/")))).toMatchObject({
          _tag: "InvalidSpec",
          place: "(copy (src b) (dst /))"
        })
        expect(yield* fails(Spec.from("elsewhere"))).toMatchObject({ place: "(from elsewhere)" })
        const nowhere = Engine.build({ spec, directory: `${scratch.path}/nowhere` })
        expect(yield* Effect.flip(nowhere)).toMatchObject({ _tag: "SourceError" })
      })
    )
  )
})

describe("Engine.attach", () => {
  it.effect("gives the output of a step that is being executed, and of one that was", () =>
    Effect.gen(function* () {
      const world = newWorld()
      yield* on(world)(
        Effect.gen(function* () {
          const gate = yield* world.gate("g")
          const slow = Spec.from("base").pipe(Spec.run("echo one; wait g; echo two"))
          const building = yield* Effect.fork(Engine.build({ spec: slow, context }))
          const arrival = yield* gate.arrival
          const [step] = yield* Engine.running
          const watching = yield* Effect.fork(output(Engine.attach(step?.id.slice(0, 8) ?? "")))
          expect(yield* output(Stream.take(Engine.attach(step?.id ?? ""), 1))).toBe("one\n")
          yield* arrival.proceed
          expect(yield* Fiber.join(watching)).toBe("one\ntwo\n")
          const { id } = yield* Fiber.join(building)
          expect(yield* output(Engine.attach(id))).toBe("one\ntwo\n")
          for (const unknown of ["", "0", "nothing", "0123456789"]) {
            expect(yield* Effect.flip(output(Engine.attach(unknown)))).toMatchObject({ _tag: "UnknownId" })
          }
        })
      )
      expect([...world.temporary]).toEqual([])
    })
  )

  it.effect("ends with its reader, also where all but the end has been said", () =>
    on(newWorld())(
      Effect.gen(function* () {
        const pieces = 17
        const large = TreeSource.fromTree(FileTree.make({ a: "x".repeat(pieces * 65536) }))
        const { id } = yield* Engine.build({ spec, context: large })
        const patiently = Effect.repeatN(Effect.yieldNow(), 1000)
        const first = Stream.take(Engine.attach(id), 1).pipe(Stream.tap(() => patiently))
        expect((yield* output(first)).length).toBe(65536)
        expect((yield* output(Engine.attach(id))).length).toBe(pieces * 65536)
      })
    )
  )

  it.effect("keeps the result whose log it reads, until that is read", () =>
    on(newWorld())(
      Effect.gen(function* () {
        const large = TreeSource.fromTree(FileTree.make({ a: "x".repeat(40 * 65536) }))
        const { id } = yield* Engine.build({ spec, context: large })
        const begun = yield* Effect.makeLatch()
        const goOn = yield* Effect.makeLatch()
        const slowly = Stream.tap(Engine.attach(id), () => Effect.zipRight(begun.open, goOn.await))
        const reading = yield* Effect.fork(output(slowly))
        yield* begun.await
        expect(yield* Effect.flip(Engine.delete(id))).toMatchObject({ _tag: "ResultsInUse", ids: [id] })
        yield* goOn.open
        expect((yield* Fiber.join(reading)).length).toBe(40 * 65536)
        expect(yield* Engine.delete(id)).toMatchObject({ results: 1 })
      })
    )
  )

  it.effect("fails with the step, or when it is cancelled", () => {
    const world = newWorld()
    return on(world)(
      Effect.gen(function* () {
        const gate = yield* world.gate("g")
        const failing = Spec.from("base").pipe(Spec.run("echo said; wait g; fail 7"))
        for (const cancel of [false, true]) {
          const building = yield* Effect.fork(Engine.build({ spec: failing, context }))
          const arrival = yield* gate.arrival
          const [step] = yield* Engine.running
          const begun = yield* Effect.makeLatch()
          const watching = Stream.runForEach(Engine.attach(step?.id ?? ""), () => begun.open)
          const fiber = yield* Effect.fork(Effect.flip(watching))
          yield* begun.await
          if (cancel) yield* Fiber.interrupt(building)
          else yield* arrival.proceed
          expect((yield* Fiber.join(fiber))._tag).toBe(cancel ? "StepCancelled" : "StepFailed")
          yield* Fiber.await(building)
        }
      })
    )
  })
})

describe("a store's upkeep", () => {
  it.effect("counts, measures, deletes and prunes, and tells what goes", () =>
    on(newWorld())(
      Effect.gen(function* () {
        const gone: Array<string> = []
        const onRemoved: Engine.RemovalOptions["onRemoved"] = ({ result }) =>
          Effect.sync(() => void gone.push(result.heading))
        yield* Engine.build({ spec, context })
        expect(yield* Engine.count).toBe(3)
        const { results, store } = yield* Engine.df
        expect([results.length, store]).toEqual([3, "memory"])
        expect(yield* Effect.flip(Engine.delete("0123456789"))).toMatchObject({ _tag: "UnknownId" })
        // Of a build that has ended, everything may go.
        expect(yield* Engine.prune({ maxItems: 1, onRemoved })).toMatchObject({ results: 1 })
        expect(gone).toEqual(['/: (run (shell "cat /a"))'])
        yield* Engine.build({ spec, context })
        expect(yield* Engine.delete(results.map(({ id }) => id))).toMatchObject({ results: 3 })
        expect(yield* Engine.count).toBe(0)
      })
    )
  )

  it.effect("refuses limits that are none, and deletes nothing", () =>
    on(newWorld())(
      Effect.gen(function* () {
        yield* Engine.build({ spec, context })
        // As JavaScript may call it.
        const unlimited: Parameters<typeof Engine.prune>[0] = JSON.parse("{}")
        const text: Parameters<typeof Engine.prune>[0] = JSON.parse('{ "maxItems": "1" }')
        const other = Spec.from("base").pipe(Spec.run("echo other"))
        for (const [refused, message] of [
          [Engine.prune(unlimited), "prune has no limit, and would delete everything"],
          [Engine.prune(text), "maxItems: a string is no limit"],
          [Engine.prune({ maxItems: Number.NaN }), "maxItems: NaN is no limit"],
          [Engine.prune({ keepStorage: -1 }), "keepStorage: -1 is no limit"],
          [Engine.prune({ before: new Date(Number.NaN) }), "before: NaN is no limit"],
          [Engine.prune({ before: Infinity, maxItems: 1 }), "before: Infinity is no limit"],
          [Engine.build({ spec: other, context, freeSpace: Number.NaN }), "freeSpace: NaN is no limit"],
          [Engine.build({ spec: other, context, freeSpace: Infinity }), "freeSpace: Infinity is no limit"],
          [Engine.build({ spec: other, context, jobs: Number.NaN }), "jobs: NaN is no limit"],
          [Engine.build({ spec: other, context, jobs: -1 }), "jobs: -1 is no limit"]
        ] as const) {
          const error = yield* Effect.flip<unknown, Engine.EngineError, Engine.Engine>(refused)
          expect(error).toMatchObject({ _tag: "StoreError", message })
        }
        expect(yield* Engine.count).toBe(3)
        expect((yield* Engine.statistics).executed).toBe(3)
      })
    )
  )

  it.effect("leaves what a build needs that goes on, also one that joined another one's step", () => {
    const world = newWorld()
    return on(world)(
      Effect.gen(function* () {
        const gate = yield* world.gate("g")
        const first = Spec.from("base").pipe(Spec.run("echo shared"))
        const { id: old } = yield* Engine.build({ spec: Spec.from("base").pipe(Spec.run("echo old")), context })
        const building = yield* Effect.fork(Engine.build({ spec: first.pipe(Spec.run("wait g")), context }))
        const arrival = yield* gate.arrival
        const joining = yield* Effect.fork(
          Engine.build({ spec: first.pipe(Spec.run("wait g"), Spec.run("echo more")), context })
        )
        expect(yield* Engine.prune({ maxItems: 9 })).toMatchObject({ results: 1, inUse: 2 })
        expect(world.results.has(old)).toBe(false)
        yield* arrival.proceed
        yield* Fiber.joinAll([building, joining])
        expect(yield* Engine.prune({ maxItems: 9 })).toMatchObject({ results: 4, inUse: 0 })
      })
    )
  })

  it.effect("deletes what no process holds, with all that is built on it", () => {
    const world = newWorld()
    return Effect.gen(function* () {
      const { id } = yield* on(world)(Engine.build({ spec, context }))
      const gone: Array<string> = []
      const onRemoved: Engine.RemovalOptions["onRemoved"] = ({ result }) =>
        Effect.sync(() => void gone.push(result.heading))
      yield* on(world)(
        Effect.gen(function* () {
          expect(yield* Engine.prune({ maxItems: 1, dryRun: true, onRemoved })).toMatchObject({ results: 1 })
          expect(yield* Engine.prune({ before: 0 })).toMatchObject({ results: 0 })
          expect(yield* Engine.count).toBe(3)
          expect(yield* Engine.delete(id.slice(0, 10), { onRemoved })).toMatchObject({ results: 1 })
          expect(gone).toEqual(Array.from({ length: 2 }, () => '/: (run (shell "cat /a"))'))
          expect(yield* Engine.prune({ before: new Date(1e15), maxItems: 1 })).toMatchObject({ results: 1 })
          expect(yield* Engine.count).toBe(1)
          expect(yield* Engine.clean()).toMatchObject({ results: 1, caches: 0 })
          expect(yield* Engine.count).toBe(0)
          expect(yield* Engine.free).toBeGreaterThan(0)
        })
      )
    })
  })
})

describe("Engine.healthcheck", () => {
  const leftovers = () => Fs.readdirSync(tmpdir()).filter((name) => name.startsWith("obuilder-health-"))

  it.effect("fails where builds do not work, with what is missing", () => {
    const before = leftovers()
    const world = MemoryWorld.make()
    return on(world)(
      Effect.gen(function* () {
        expect(yield* Effect.flip(Engine.healthcheck())).toMatchObject({
          _tag: "Unhealthy",
          message: 'build: there is no base image "scratch" in this world'
        })
        // In memory there are no programs for Linux.
        world.bases.set("scratch", MemoryWorld.base({}))
        expect(yield* Effect.flip(Engine.healthcheck())).toMatchObject({
          message: "build: a command that succeeds was taken for one that fails: Exit"
        })
        expect(leftovers()).toEqual(before)
      })
    )
  })

  it.effect("fails where it takes too long, and leaves nothing behind", () =>
    Effect.gen(function* () {
      const before = leftovers()
      const world = MemoryWorld.make({ scratch: MemoryWorld.base({}) })
      const begun = yield* Effect.makeLatch()
      const stuck = Layer.succeed(Sandbox.Sandbox, {
        run: () => Effect.zipRight(begun.open, Effect.never),
        reclaim: Effect.void
      })
      const services = Layer.provideMerge(Engine.Engine.layer, Layer.merge(Memory.layer(world), stuck))
      const check = yield* Effect.fork(
        Effect.flip(Effect.provide(Engine.healthcheck({ timeout: "10 seconds" }), services))
      )
      yield* begun.await
      yield* TestClock.adjust("10 seconds")
      expect(yield* Fiber.join(check)).toMatchObject({ message: "build: it takes too long" })
      expect([...world.temporary]).toEqual([])
      expect(leftovers()).toEqual(before)
    })
  )
})

describe("Engine.describe", () => {
  it.effect("says in words what went wrong, where, and what to do", () =>
    on(newWorld())(
      Effect.gen(function* () {
        const said = (effect: Effect.Effect<unknown, Engine.EngineError, Engine.Engine>) =>
          Effect.map(Effect.flip(effect), Engine.describe)
        const building = (part: Spec.Part) => said(Engine.build({ spec: Spec.from("base").pipe(part), context }))
        expect([
          yield* building(Spec.run("fail 2")),
          yield* building(Spec.run("oom")),
          yield* building(Spec.run("x", { secrets: [{ id: "token", target: "/t" }] })),
          yield* building(Spec.copy(["a", "a"], "/b")),
          yield* said(Engine.build({ spec: "((from base)\n (copy (src b) (dst /)))", context })),
          yield* said(Engine.delete("0123")),
          yield* said(Stream.runDrain(Engine.attach("abc")))
        ]).toMatchInlineSnapshot(`
          [
            ""/usr/bin/env" "bash" "-c" "fail 2" failed with exit status 2
            in /: (run (shell "fail 2"))",
            ""/usr/bin/env" "bash" "-c" "oom" ran out of memory
            in /: (run (shell oom))
            Give it more with the backend's memory, or let it use less.",
            "a step asks for the secret "token", which is not given
            in /: (run (secrets (token (target /t))) (shell x))
            Give its content as secrets: { "token": … }.",
            "when several items are copied, dst must be a directory and end with /
            in (copy (src a a) (dst /b))
            write (dst "/b/")",
            "<spec>:2:2: error: Source path "b" not found
            |
          2 |  (copy (src b) (dst /)))
            |  ^^^^^^^^^^^^^^^^^^^^^^",
            "the store has no result "0123"",
            ""abc" is too short for an id
            Write at least 4 digits of it.",
          ]
        `)
      })
    )
  )
})
