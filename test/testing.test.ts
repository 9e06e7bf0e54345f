import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Engine, Spec } from "../src/index.ts"
import { FileTree, Memory, MemoryWorld, TreeSource } from "../src/testing.ts"

describe("obuilder/testing", () => {
  it.effect("builds a spec as its documentation shows", () =>
    Effect.gen(function* () {
      const world = MemoryWorld.make({ base: MemoryWorld.base({ "etc/motd": "hello\n" }) })
      const context = TreeSource.fromTree(FileTree.make({ "src/main": "main" }))
      const spec = Spec.from("base").pipe(Spec.copy("src", "/app"), Spec.run("cat /app/main"))

      const { id } = yield* Engine.build({ spec, context }).pipe(Effect.provide(Memory.backend(world)))

      expect(world.readText(id, "/app/main")).toBe("main")
      expect(world.done("run").length).toBe(1)
    })
  )
})
