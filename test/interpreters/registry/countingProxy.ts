/** What stands between a registry and those who ask it, and counts. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { request as send } from "node:http"
import { listen } from "./scriptedRegistry.ts"

export interface Counted {
  readonly method: string
  readonly path: string
  /** Bytes that came with it. */
  readonly bytes: number
}

export interface CountingProxy {
  /** `127.0.0.1:PORT`. */
  readonly host: string
  /** What was asked since it was last asked for this. */
  readonly taken: () => ReadonlyArray<Counted>
}

/** For a registry at `127.0.0.1:PORT`. */
export const count = (host: string): Effect.Effect<CountingProxy, never, Scope.Scope> =>
  Effect.gen(function* () {
    let counted: Array<Counted> = []
    const proxy = yield* listen((request, response) => {
      const { headers, method = "", url: path = "" } = request
      let bytes = 0
      const [hostname = "", port] = host.split(":")
      // The registry is told what it was asked for as, and says where to go on by that.
      const through = send({ hostname, port, method, path, headers }, (reply) => {
        counted.push({ method, path, bytes })
        response.writeHead(reply.statusCode ?? 502, reply.headers)
        reply.pipe(response)
      })
      through.on("error", () => response.destroy())
      request.on("data", (chunk: Buffer) => (bytes += chunk.length))
      request.pipe(through)
    })
    const taken = (): ReadonlyArray<Counted> => {
      const all = counted
      counted = []
      return all
    }
    return { host: proxy.host, taken }
  })
