/** What is asked of an engine besides bases, and what it may answer. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { IncomingMessage } from "node:http"
import { ImageProblem, problem } from "../../../src/interpreters/base/ImageProblem.ts"
import * as DockerEngine from "../../../src/interpreters/docker/DockerEngine.ts"
import { until } from "../../until.ts"
import { temporaryDirectory } from "../base/trees.ts"
import { reply } from "../registry/scriptedRegistry.ts"
import { on, type ScriptedEngine, serve } from "./scriptedEngine.ts"

/** An engine without images, and what asks it. */
const world = Effect.gen(function* () {
  const directory = yield* temporaryDirectory
  const engine = yield* serve(`${directory}/socket`)
  const client = yield* Effect.acquireRelease(
    Effect.promise(() => DockerEngine.open({ DOCKER_HOST: engine.host })),
    (client) => Effect.promise(() => client.close())
  )
  return { engine, client }
})

const LOAD = /^POST \/images\/load\?quiet=1$/

/** Reads what is sent, and answers. */
const takes = (engine: ScriptedEngine, answer: string, status = 200) => {
  const taken = { bytes: 0, type: "" }
  engine.scripts.push(
    on(LOAD, (request: IncomingMessage, response) => {
      taken.type = request.headers["content-type"] ?? ""
      request.on("data", (chunk: Buffer) => (taken.bytes += chunk.length))
      request.once("end", () => reply(response, status, answer))
    })
  )
  return taken
}

async function* chunks(count: number): AsyncIterable<Uint8Array> {
  for (let index = 0; index < count; index++) yield new Uint8Array(100_000)
}

/** What a promise is rejected with, in the words of a user. */
const failure = (promise: Promise<unknown>): Effect.Effect<string> =>
  Effect.promise(() =>
    promise.then(
      () => "nothing",
      (error: unknown) => {
        if (error instanceof ImageProblem) return error.message.replace(/unix:\S*socket/, "HOST")
        throw error
      }
    )
  )

const { signal: never } = new AbortController()

it.scopedLive("an archive is loaded as it comes", () =>
  Effect.gen(function* () {
    const { client, engine } = yield* world
    const taken = takes(engine, `{"stream":"Loaded image: a:1\\n"}\r\n{"stream":"Loaded image: b:1\\n"}\r\n`)
    yield* Effect.promise(() => client.load(chunks(30), never))
    expect(taken).toEqual({ bytes: 3_000_000, type: "application/x-tar" })
  })
)

it.scopedLive.each<readonly [string, number]>([
  [`{"stream":"…"}\n{"errorDetail":{"message":"no\\u001bspace"},"error":"no\\u001bspace"}\n`, 200],
  [`{"error":"no space"}`, 200],
  ["<html>", 200],
  [`{"message":"no\\u001bspace"}`, 500],
  ["", 507]
])("an archive is not taken to be loaded where the engine answers %j with status %i", ([answer, status]) =>
  Effect.gen(function* () {
    const { client, engine } = yield* world
    takes(engine, answer, status)
    expect(yield* failure(client.load(chunks(3), never))).toMatchSnapshot()
  })
)

it.scopedLive("an archive that cannot be read is not the engine's fault", () =>
  Effect.gen(function* () {
    const { client, engine } = yield* world
    takes(engine, "")
    async function* broken(): AsyncIterable<Uint8Array> {
      yield* chunks(2)
      throw problem("the disk is on fire")
    }
    expect(yield* failure(client.load(broken(), never))).toBe("the disk is on fire")
    yield* Effect.promise(() => until("the connection is closed", () => engine.busy() === 0))
  })
)

it.scopedLive("an archive whose connection is closed is not loaded, and is read no further", () =>
  Effect.gen(function* () {
    const { client, engine } = yield* world
    engine.scripts.push(on(LOAD, (request) => request.once("data", () => request.destroy())))
    let isOver = false
    async function* endless(): AsyncIterable<Uint8Array> {
      try {
        for (;;) yield new Uint8Array(100_000)
      } finally {
        isOver = true
      }
    }
    expect(yield* failure(client.load(endless(), never))).toBe("the Docker engine at HOST has closed the connection")
    yield* Effect.promise(() => until("the archive is no longer read", () => isOver))
  })
)

it.scopedLive.each<"inspect" | "save" | "load">(["inspect", "save", "load"])("%s ends when it is aborted", (what) =>
  Effect.gen(function* () {
    const { client, engine } = yield* world
    engine.scripts.push(on(/./, (request) => request.resume()))
    const abort = new AbortController()
    const asking = {
      inspect: () => client.inspect("a:1", abort.signal),
      save: async () => {
        for await (const chunk of client.save("a:1", abort.signal)) throw new Error(`there is some: ${chunk.length}`)
      },
      load: () => client.load(chunks(1), abort.signal)
    }[what]()
    yield* Effect.promise(() => until("it is asked", () => engine.asked.length === 1))
    abort.abort()
    yield* Effect.promise(() => expect(asking).rejects.toThrow(/abort/))
    yield* Effect.promise(() => until("the connection is closed", () => engine.busy() === 0))
  })
)

it.scopedLive("one who has enough of an archive leaves no connection behind", () =>
  Effect.gen(function* () {
    const { client, engine } = yield* world
    engine.images.set("a:1", { inspection: {}, archive: Buffer.alloc(10_000_000) })
    yield* Effect.promise(async () => {
      for await (const chunk of client.save("a:1", never)) if (chunk.length > 0) break
    })
    yield* Effect.promise(() => until("the connection is closed", () => engine.busy() === 0))
  })
)
