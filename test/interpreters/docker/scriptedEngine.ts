/** A Docker engine's API on a socket, which does wrong what a test wants it to. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { reply } from "../registry/scriptedRegistry.ts"

/** Answers a request itself, or leaves it to what comes after it. */
export type Script = (request: IncomingMessage, response: ServerResponse) => boolean | undefined

export interface ScriptedEngine {
  /** What `DOCKER_HOST` is to say. */
  readonly host: string
  /** Whatever was asked, in order: `GET /images/a:1/json`. */
  readonly asked: ReadonlyArray<string>
  /** Asked first, from the first on. */
  readonly scripts: Array<Script>
  /** Images by what they may be named by. */
  readonly images: Map<string, EngineImage>
  /** Requests that somebody waits for. */
  readonly busy: () => number
  /** Connections that are open. */
  readonly connections: () => number
}

export interface EngineImage {
  readonly inspection: object
  /** What `docker save` writes. */
  readonly archive: Buffer
}

/** Listens on a path, or else on a port of loopback. */
export const serve = (path?: string): Effect.Effect<ScriptedEngine, never, Scope.Scope> =>
  Effect.gen(function* () {
    const asked: Array<string> = []
    const scripts: Array<Script> = []
    const images = new Map<string, EngineImage>()
    const sockets = new Set<Socket>()
    let busy = 0
    const server = createServer((request, response) => {
      busy++
      response.once("close", () => busy--)
      asked.push(`${request.method} ${request.url}`)
      if (!scripts.some((script) => script(request, response) === true)) answer(images, request, response)
    })
    server.on("connection", (socket) => {
      sockets.add(socket)
      socket.once("close", () => sockets.delete(socket))
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => {
        const listening = () => resume(Effect.void)
        if (path === undefined) server.listen(0, "127.0.0.1", listening)
        else server.listen(path, listening)
      }),
      () =>
        Effect.async<void>((resume) => {
          server.closeAllConnections()
          server.close(() => resume(Effect.void))
        })
    )
    const host = path === undefined ? `tcp://127.0.0.1:${(server.address() as AddressInfo).port}` : `unix://${path}`
    return { host, asked, scripts, images, busy: () => busy, connections: () => sockets.size }
  })

/** As an engine should. */
const answer = (
  images: ReadonlyMap<string, EngineImage>,
  { method, url = "" }: IncomingMessage,
  response: ServerResponse
): void => {
  const [, name = "", what] = /^\/images\/(.+)\/(json|get)$/.exec(decodeURIComponent(url)) ?? []
  const image = images.get(name)
  if (method !== "GET" || image === undefined) {
    return reply(response, 404, JSON.stringify({ message: `no such image: ${name}` }))
  }
  reply(response, 200, what === "json" ? JSON.stringify(image.inspection) : image.archive)
}

/** Does something with each request whose method and path are like this. */
export const on =
  (path: RegExp, work: (request: IncomingMessage, response: ServerResponse) => void): Script =>
  (request, response) => {
    if (!path.test(`${request.method} ${decodeURIComponent(request.url ?? "")}`)) return undefined
    work(request, response)
    return true
  }
