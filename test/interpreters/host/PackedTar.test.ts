import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as PackedTar from "../../../src/interpreters/host/PackedTar.ts"

it.effect("a tar of many large files is listened to by none of those that are written", () =>
  Effect.gen(function* () {
    const piece = Buffer.alloc(100_000, "x")
    let size = 0
    const listeners: Array<number> = []
    yield* PackedTar.write(
      async (stream) => {
        for (let n = 0; n < 20; n++) {
          await PackedTar.longEntry(stream, { name: `${n}`, size: 2 * piece.length }, [piece, piece])
          listeners.push(stream.listenerCount("close"))
        }
      },
      (chunk) => Effect.sync(() => (size += chunk.length)),
      (error) => error
    )
    expect(size).toBeGreaterThan(40 * piece.length)
    expect(new Set(listeners).size).toBe(1)
  })
)

it.effect("a tar lets others do something while it is written, though nothing keeps it waiting", () =>
  Effect.gen(function* () {
    const others = { waited: true }
    yield* PackedTar.write(
      async (stream) => {
        setImmediate(() => (others.waited = false))
        for (let n = 0; n < 100_000 && others.waited; n++)
          await PackedTar.entry(stream, { name: `${n}` }, Buffer.alloc(1000))
      },
      () => Effect.void,
      (error) => error
    )
    expect(others.waited).toBe(false)
  })
)
