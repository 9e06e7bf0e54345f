/** What tests ask of a real engine, or have it do, that the program never does. */
import { Agent, request } from "node:http"
import { connect, createServer, type Server } from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export interface Answer {
  readonly status: number
  readonly body: Buffer
}

/** Sends a request to the engine at `unix://SOCKET`. */
export const ask = (host: string, method: string, path: string, document?: object): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const headers = document === undefined ? {} : { "content-type": "application/json" }
    const agent = new Agent({ keepAlive: false })
    const asking = request({ socketPath: socketOf(host), method, path, headers, agent }, (response) => {
      const pieces: Array<Buffer> = []
      response.on("data", (piece: Buffer) => pieces.push(piece))
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(pieces) }))
      response.on("error", reject)
    })
    asking.on("error", reject)
    asking.end(document === undefined ? undefined : JSON.stringify(document))
  })

const socketOf = (host: string): string => host.replace("unix://", "")

const json = async <A>(host: string, path: string): Promise<A> => {
  const { body, status } = await ask(host, "GET", path)
  if (status !== 200) throw new Error(`GET ${path}: ${status} ${body.toString("utf8")}`)
  return JSON.parse(body.toString("utf8")) as A
}

/** All that an engine has, sorted: containers by name, images by their names or else ids, volumes by name. */
export interface Objects {
  readonly containers: ReadonlyArray<string>
  readonly images: ReadonlyArray<string>
  readonly volumes: ReadonlyArray<string>
}

export const objects = async (host: string): Promise<Objects> => {
  const containers = await json<ReadonlyArray<{ readonly Names: ReadonlyArray<string> }>>(
    host,
    "/containers/json?all=1"
  )
  const images = await json<ReadonlyArray<{ readonly Id: string; readonly RepoTags: ReadonlyArray<string> | null }>>(
    host,
    "/images/json?all=1"
  )
  const { Volumes } = await json<{ readonly Volumes: ReadonlyArray<{ readonly Name: string }> | null }>(
    host,
    "/volumes"
  )
  return {
    containers: containers.flatMap(({ Names }) => Names.map((name) => name.slice(1))).sort(),
    images: images.flatMap(({ Id, RepoTags }) => (RepoTags === null || RepoTags.length === 0 ? [Id] : RepoTags)).sort(),
    volumes: (Volumes ?? []).map(({ Name }) => Name).sort()
  }
}

export interface Inspected {
  readonly Id: string
  readonly Container: string
  readonly ContainerConfig: unknown
  readonly Created: string
  readonly Config: Readonly<Record<string, unknown>>
  readonly RootFS: { readonly Layers: ReadonlyArray<string> }
}

export const inspect = (host: string, image: string): Promise<Inspected> => json(host, `/images/${image}/json`)

/** An engine's socket behind which a test sees what is asked. */
export interface Tapped {
  readonly host: string
  /** Does something once, as soon as a request that is like this has been passed on: its first line begins so. */
  readonly when: (line: RegExp, act: () => void) => void
}

/** Listens at `path` for as long as the scope is open. */
export const tap = (engine: string, path: string): Effect.Effect<Tapped, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<{ readonly server: Server; readonly waiting: Set<Waiting> }>((resume) => {
        const waiting = new Set<Waiting>()
        const server = createServer((client) => {
          const upstream = connect(socketOf(engine))
          for (const [from, to] of [
            [client, upstream],
            [upstream, client]
          ] as const) {
            from.on("error", () => to.destroy())
            from.on("close", () => to.destroy())
          }
          upstream.pipe(client)
          client.on("data", (chunk: Buffer) => {
            if (!upstream.write(chunk)) {
              client.pause()
              upstream.once("drain", () => client.resume())
            }
            // A request begins a chunk: this client sends none before the last one is answered.
            const text = chunk.toString("latin1", 0, 400)
            for (const one of waiting) {
              if (!one.line.test(text)) continue
              waiting.delete(one)
              one.act()
            }
          })
        })
        server.listen(path, () => resume(Effect.succeed({ server, waiting })))
      }),
      ({ server }) => Effect.sync(() => server.close())
    ),
    ({ waiting }) => ({
      host: `unix://${path}`,
      when: (line, act) => void waiting.add({ line, act })
    })
  )

interface Waiting {
  readonly line: RegExp
  readonly act: () => void
}
