/** What is made in an engine once for all that use a store there. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Workshop } from "../../../src/interpreters/docker/Workshop.ts"
import { temporaryDirectory } from "../base/trees.ts"
import { reply } from "../registry/scriptedRegistry.ts"
import { on, serve } from "./scriptedEngine.ts"

const EMPTY = "obuilder-workshop:empty"

const prepared = (isThereThen: boolean) =>
  Effect.gen(function* () {
    const engine = yield* serve(`${yield* temporaryDirectory}/socket`)
    engine.scripts.push(
      on(/^GET \/info$/, (_, response) => reply(response, 200, JSON.stringify({ ID: "this", OSType: "linux" }))),
      on(/^POST \/images\/create/, (request, response) => {
        request.resume()
        request.once("end", () => {
          const image = { inspection: { Id: `sha256:${"e".repeat(64)}` }, archive: Buffer.alloc(0) }
          if (isThereThen) engine.images.set(EMPTY, image)
          reply(response, 500, JSON.stringify({ message: "already exists" }))
        })
      })
    )
    const [prefix = ""] = EMPTY.split(":")
    const workshop = yield* Effect.acquireRelease(
      Effect.sync(() => new Workshop({ environment: { DOCKER_HOST: engine.host }, identity: { prefix } })),
      (workshop) => Effect.promise(() => workshop.close())
    )
    return yield* Effect.either(Effect.tryPromise(() => workshop.prepare(new AbortController().signal)))
  })

it.scopedLive("what another process makes at the same moment is as good as what this one would have made", () =>
  Effect.gen(function* () {
    expect(yield* prepared(true)).toMatchObject({ _tag: "Right" })
    expect(yield* prepared(false)).toMatchObject({
      left: { cause: { message: expect.stringContaining("already exists") } }
    })
  })
)
