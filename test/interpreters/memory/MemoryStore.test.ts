import { describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as MemorySession from "../../../src/interpreters/memory/MemorySession.ts"
import * as MemoryStore from "../../../src/interpreters/memory/MemoryStore.ts"
import * as MemoryWorld from "../../../src/interpreters/memory/MemoryWorld.ts"
import { memoryFiles } from "../../laws/files.ts"
import { hostSource, memorySource } from "../../laws/sources.ts"
import { storeLaws } from "../../laws/store.ts"
import type { Subject } from "../../laws/storeSubject.ts"

const makeSubject = Effect.sync((): Subject => {
  const world = MemoryWorld.make()
  return {
    layer: Layer.provide(MemoryStore.layer, MemorySession.layer(world)),
    files: memoryFiles,
    temporary: Effect.sync(() => [...world.temporary.values()].map(({ what }) => what))
  }
})

describe("the store in memory", () => storeLaws(makeSubject, { "in memory": memorySource, "on the host": hostSource }))
