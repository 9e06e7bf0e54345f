/** Results given to an engine that does not do as it should. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { tmpdir } from "node:os"
import { BaseImages } from "../../../src/interpreters/BaseImages.ts"
import { plain } from "../../../src/interpreters/image/ImageOptions.ts"
import * as LoadImage from "../../../src/interpreters/docker/LoadImage.ts"
import * as MemoryWorld from "../../../src/interpreters/memory/MemoryWorld.ts"
import { Store } from "../../../src/interpreters/Store.ts"
import { build, engine, run, spec } from "../builds.ts"
import { reply } from "../registry/scriptedRegistry.ts"
import { type Script, serve } from "./scriptedEngine.ts"

const image = { domain: "docker.io", repository: "library/it", tag: Option.some("1"), digest: Option.none() }

/** Loads a result of some megabytes into an engine that does this. */
const loaded = (script: Script) =>
  Effect.gen(function* () {
    const there = yield* serve()
    there.scripts.push((request, response) => request.method === "POST" && script(request, response))
    const large = MemoryWorld.base({ large: new Uint8Array(8_000_000) })
    return yield* Effect.gen(function* () {
      const id = yield* build({ spec: spec("base", [{ _tag: "Shell", args: ["sh", "-c"] }, run("write /out made")]) })
      const services = { store: yield* Store, images: yield* BaseImages, directory: tmpdir() }
      return yield* Effect.either(LoadImage.load(services, { id, options: plain }, image, { DOCKER_HOST: there.host }))
    }).pipe(Effect.provide(engine(MemoryWorld.make({ base: large }))))
  }).pipe(Effect.scoped)

const messageOf = (script: Script) =>
  Effect.map(loaded(script), (result) => (result._tag === "Left" ? result.left.message : "it was loaded"))

describe("an image that is given to a Docker engine", () => {
  it.live("is there when the engine has taken all of it", () =>
    Effect.gen(function* () {
      let bytes = 0
      const message = yield* messageOf((request, response) => {
        request.on("data", (chunk: Buffer) => (bytes += chunk.length))
        request.on("end", () => reply(response, 200, JSON.stringify({ stream: "Loaded image: it:1" })))
        return true
      })
      expect(message).toBe("it was loaded")
      expect(bytes).toBeGreaterThan(8_000_000)
    })
  )

  it.live("is not there when the engine says so before it has taken it", () =>
    Effect.gen(function* () {
      const message = yield* messageOf((_request, response) => {
        reply(response, 200, JSON.stringify({ stream: "x" }))
        return true
      })
      expect(message).toMatch(/has not taken all of the image|has closed the connection|cannot be reached/)
    })
  )

  it.live("is refused in the engine's words", () =>
    Effect.gen(function* () {
      const message = yield* messageOf((_request, response) => {
        reply(response, 500, JSON.stringify({ message: "no space left" }))
        return true
      })
      expect(message).toMatch(/answers 500: no space left/)
    })
  )
})
