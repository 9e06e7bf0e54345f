import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { TarEntry } from "../../../src/interpreters/base/TarHeaders.ts"
import { TarReader } from "../../../src/interpreters/base/TarReader.ts"
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

it("a tar says who owns what, however large his number is", async () => {
  const ids = [0, 1000, 0o777777, 0o1000000, 0xffff_fffe]
  const found: Array<TarEntry> = []
  const reader = new TarReader({ entry: (one) => void found.push(one), data: () => undefined, end: () => undefined })
  const tar = PackedTar.chunks(async (stream) => {
    for (const id of ids) {
      await PackedTar.entry(stream, { name: `${id}/`, type: "directory", uid: id, gid: 1 })
      await PackedTar.longEntry(stream, { name: `${id}/f`, uid: 2, gid: id, size: 1 }, [Buffer.from("x")])
    }
  })
  for await (const chunk of tar) reader.write(Buffer.from(chunk))
  expect(found.map(({ gid, path, uid }) => [path, uid, gid])).toEqual(
    ids.flatMap((id) => [
      [`${id}/`, id, 1],
      [`${id}/f`, 2, id]
    ])
  )
})
