import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Engine from "../src/interpreters/Engine.ts"
import * as Observe from "../src/interpreters/Observe.ts"
import * as SpecText from "../src/domain/SpecText.ts"
import * as Planner from "../src/plan/Planner.ts"
import { FileTree, Memory, MemoryWorld, TreeSource } from "../src/testing.ts"

describe("obuilder/testing", () => {
  it.effect("builds a spec as its documentation shows", () =>
    Effect.gen(function* () {
      const world = MemoryWorld.make({ base: MemoryWorld.base({ "etc/motd": "hello\n" }) })
      const context = TreeSource.fromTree(FileTree.make({ "src/main": "main" }))

      const program = Effect.gen(function* () {
        const { spec } = yield* SpecText.parse(
          '((from base) (copy (src src) (dst /app)) (run (shell "cat /app/main")))',
          { file: "spec" }
        )
        const inputs = yield* Observe.observe(spec, context)
        const plan = yield* Planner.plan(spec, inputs)
        const engine = yield* Engine.Engine
        return yield* engine.build({ plan, inputs, context, secrets: new Map(), jobs: 1, onEvent: () => Effect.void })
      })
      const { id } = yield* program.pipe(Effect.provide(Engine.Engine.layer), Effect.provide(Memory.layer(world)))

      expect(world.readText(id, "/app/main")).toBe("main")
      expect(world.done("run").length).toBe(1)
    })
  )
})
