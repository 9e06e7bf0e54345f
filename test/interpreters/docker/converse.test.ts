/** A connection to a container's standard input. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { ImageProblem } from "../../../src/interpreters/base/ImageProblem.ts"
import { EngineCalls } from "../../../src/interpreters/docker/EngineCalls.ts"
import { locate } from "../../../src/interpreters/docker/DockerHost.ts"
import { serve } from "./scriptedEngine.ts"

const problemOf = (host: string, signal = new AbortController().signal): Effect.Effect<unknown> =>
  Effect.promise(async () => {
    const calls = await EngineCalls.open(locate({ DOCKER_HOST: host }))
    try {
      return await calls.converse("abc", signal).then(
        () => "connected",
        (error: unknown) => error
      )
    } finally {
      await calls.close()
    }
  })

it.scopedLive("is a reason, where the engine refuses it, is not there, or goes away", () =>
  Effect.gen(function* () {
    const engine = yield* serve()
    const messageOf = (host: string) => Effect.map(problemOf(host), (error) => (error as ImageProblem).message)
    expect(yield* messageOf(engine.host)).toMatch(/ answers 404 where a connection to a container was asked for$/)
    engine.scripts.push((request) => {
      request.socket.destroy()
      return true
    })
    expect(yield* messageOf(engine.host)).toMatch(/ has closed the connection$/)
    expect(yield* messageOf("unix:///none/at/all")).toMatch(/ is not there: nobody listens$/)
  })
)

it.scopedLive("is given up with its signal", () =>
  Effect.gen(function* () {
    const engine = yield* serve()
    const abort = new AbortController()
    engine.scripts.push(() => {
      abort.abort()
      return true
    })
    expect(yield* problemOf(engine.host, abort.signal)).toMatchObject({ name: "AbortError" })
  })
)
