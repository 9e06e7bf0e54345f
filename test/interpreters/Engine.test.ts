import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Spec } from "../../src/domain/Spec.ts"
import { MissingSecret, StepFailed } from "../../src/interpreters/Engine.ts"
import * as FileTree from "../../src/interpreters/memory/FileTree.ts"
import * as MemoryWorld from "../../src/interpreters/memory/MemoryWorld.ts"
import * as TreeSource from "../../src/interpreters/memory/TreeSource.ts"
import { CopyError } from "../../src/interpreters/Store.ts"
import { buildOnce, copy, failedWith, LogView, newWorld, run, spec } from "./builds.ts"

const tree = (entries: Parameters<typeof FileTree.make>[0]) => TreeSource.fromTree(FileTree.make(entries))

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

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
        base: MemoryWorld.base(
          {},
          {
            environment: [
              { name: "A", value: "base" },
              { name: "B", value: "base" }
            ]
          }
        )
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
        spec: spec("base", [copy(["out"], "/", { from: "tools" }), copy(["src"], "/app/", { exclude: [".git"] })], {
          tools: spec("base", [run("write /out/tool x; chmod 755 /out/tool")])
        })
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
      const with_ = (value: string) =>
        new Map([
          ["test", bytes(value)],
          ["test2", bytes(value)]
        ])
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
        spec: spec("base", [
          run("cat /cache/f; append /cache/f 2", { caches }),
          run("cat /elsewhere/f", { caches: { c: "/elsewhere" } })
        ]),
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
