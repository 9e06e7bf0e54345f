/** A registry on loopback that serves an image layout, and does wrong what a test wants it to. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { createServer as createTlsServer } from "node:https"
import type { AddressInfo, Socket } from "node:net"

/** Answers a request itself, or leaves it to what comes after it. */
export type Script = (request: IncomingMessage, response: ServerResponse) => boolean | undefined

export interface Asked {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
  readonly range: string | undefined
}

export interface ScriptedRegistry {
  /** `127.0.0.1:PORT`. */
  readonly host: string
  /** The connections that something was asked on, also those that are closed. */
  readonly connections: ReadonlySet<Socket>
  /** Whatever was asked, in order. */
  readonly asked: ReadonlyArray<Asked>
  /** Asked first, from the first on. */
  readonly scripts: Array<Script>
}

/** A certificate, and its key, in PEM. */
export interface Tls {
  readonly cert: string
  readonly key: string
}

/** Serves `layout`, whose index names its images by tags, as every repository there is. */
export const serve = (layout: string, tls?: Tls): Effect.Effect<ScriptedRegistry, never, Scope.Scope> =>
  listen((request, response) => answer(layout, request, response), tls)

/** Answers what no script does. */
export const listen = (
  usual: (request: IncomingMessage, response: ServerResponse) => void,
  tls?: Tls
): Effect.Effect<ScriptedRegistry, never, Scope.Scope> =>
  Effect.gen(function* () {
    const asked: Array<Asked> = []
    const scripts: Array<Script> = []
    const connections = new Set<Socket>()
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      const { authorization, range } = request.headers
      connections.add(request.socket)
      asked.push({ method: request.method ?? "", path: request.url ?? "", authorization, range })
      if (!scripts.some((script) => script(request, response) === true)) usual(request, response)
    }
    const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.async<void>((resume) => {
          server.closeAllConnections()
          server.close(() => resume(Effect.void))
        })
    )
    return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, connections, asked, scripts }
  })

/** As a registry should. */
const answer = (layout: string, { headers, url = "" }: IncomingMessage, response: ServerResponse): void => {
  const [, kind, reference = ""] = /^\/v2\/.+\/(manifests|blobs)\/([^/]+)$/.exec(url) ?? []
  const digest = reference.startsWith("sha256:") ? reference : tags(layout).get(reference)
  const file = `${layout}/blobs/sha256/${digest?.slice("sha256:".length) ?? ""}`
  if (kind === undefined || digest === undefined || !Fs.existsSync(file)) {
    return reply(response, 404, JSON.stringify({ errors: [{ code: "UNKNOWN", message: "not\u001B[31m known" }] }))
  }
  const content = Fs.readFileSync(file)
  const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0)
  reply(response, from > 0 ? 206 : 200, content.subarray(from))
}

const tags = (layout: string): ReadonlyMap<string, string> => {
  const index: {
    readonly manifests: ReadonlyArray<{ readonly digest: string; readonly annotations?: Record<string, string> }>
  } = JSON.parse(Fs.readFileSync(`${layout}/index.json`, "utf8"))
  return new Map(
    index.manifests.map(({ annotations, digest }) => [annotations?.["org.opencontainers.image.ref.name"] ?? "", digest])
  )
}

export const reply = (
  response: ServerResponse,
  status: number,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {}
): void => {
  response.writeHead(status, { "content-length": Buffer.byteLength(body), ...headers })
  response.end(body)
}

/** Does something to the first so many requests for paths like this; with one method, if that is said. */
export const first =
  (
    count: number,
    path: RegExp,
    work: (request: IncomingMessage, response: ServerResponse) => void,
    method?: string
  ): Script =>
  (request, response) => {
    if (count <= 0 || !path.test(request.url ?? "") || request.method !== (method ?? request.method)) return undefined
    count--
    work(request, response)
    return true
  }

/** Answers requests for such paths, which have a digest, with as many bytes that are not quite those that it should. */
export const damaging =
  (layout: string, path: RegExp): Script =>
  ({ url = "" }, response) => {
    const [, hex = ""] = /sha256:([0-9a-f]{64})$/.exec(url) ?? []
    if (!path.test(url) || hex === "") return undefined
    const content = Fs.readFileSync(`${layout}/blobs/sha256/${hex}`)
    const middle = content.length >> 1
    content.writeUInt8(content.readUInt8(middle) ^ 1, middle)
    reply(response, 200, content)
    return true
  }
