/** A registry on loopback that keeps what is pushed to it, and does wrong what a test wants it to. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { IncomingMessage, ServerResponse } from "node:http"
import { sha256 } from "../base/images.ts"
import { listen, reply, type ScriptedRegistry, type Tls } from "./scriptedRegistry.ts"

export interface EmptyRegistry extends ScriptedRegistry {
  /** By `REPOSITORY DIGEST`. */
  readonly blobs: Map<string, Buffer>
  /** By `REPOSITORY TAG` and `REPOSITORY DIGEST`. */
  readonly manifests: Map<string, Buffer>
  /** Those that were begun and have not ended. */
  readonly uploads: Set<string>
  /** What an upload's `Location` says, from its path and its query. */
  locate: (path: string) => string
}

export const serveEmpty = (tls?: Tls): Effect.Effect<EmptyRegistry, never, Scope.Scope> =>
  Effect.gen(function* () {
    const kept = {
      blobs: new Map<string, Buffer>(),
      manifests: new Map<string, Buffer>(),
      uploads: new Set<string>(),
      locate: (path: string): string => path
    }
    const registry = yield* listen((request, response) => answer(kept, request, response), tls)
    return Object.assign(kept, registry)
  })

type Kept = Pick<EmptyRegistry, "blobs" | "locate" | "manifests" | "uploads">

/** Has to come back as it is, whatever is added to it. */
const STATE = "_state=a%2Fb~c%20d=="

/** As a registry should, by distribution-spec 1.0: without an API for what refers to an image. */
const answer = (kept: Kept, request: IncomingMessage, response: ServerResponse): void => {
  const { pathname, search, searchParams } = new URL(request.url ?? "", "http://registry")
  const [, repository = "", kind, reference = ""] =
    /^\/v2\/(.+?)\/(manifests|blobs\/uploads|blobs)\/([^/]*)$/.exec(pathname) ?? []
  const key = `${repository} ${reference}`
  switch (`${request.method} ${kind}`) {
    case "HEAD blobs":
    case "GET blobs":
    case "GET manifests": {
      const content = (kind === "blobs" ? kept.blobs : kept.manifests).get(key)
      return content === undefined ? refuse(response, 404, "UNKNOWN") : reply(response, 200, content)
    }
    case "POST blobs/uploads": {
      const [digest = "", from = ""] = ["mount", "from"].map((name) => searchParams.get(name) ?? "")
      const content = kept.blobs.get(`${from} ${digest}`)
      if (content === undefined) return begin(kept, repository, response)
      kept.blobs.set(`${repository} ${digest}`, content)
      return reply(response, 201, "")
    }
    case "PUT blobs/uploads": {
      const digest = searchParams.get("digest") ?? ""
      return whole(request, (content) => {
        if (!kept.uploads.has(reference)) return refuse(response, 404, "BLOB_UPLOAD_UNKNOWN")
        const isTheSame = digest === `sha256:${sha256(content)}` && search.startsWith(`?${STATE}&digest=`)
        if (!isTheSame) return refuse(response, 400, "DIGEST_INVALID")
        kept.uploads.delete(reference)
        kept.blobs.set(`${repository} ${digest}`, content)
        reply(response, 201, "")
      })
    }
    case "PUT manifests":
      return whole(request, (content) => {
        const digest = `sha256:${sha256(content)}`
        const missing = namedIn(content).find(
          (one) => !kept.blobs.has(`${repository} ${one}`) && !kept.manifests.has(`${repository} ${one}`)
        )
        if (missing !== undefined) return refuse(response, 404, "MANIFEST_BLOB_UNKNOWN")
        for (const name of [reference, digest]) kept.manifests.set(`${repository} ${name}`, content)
        reply(response, 201, "", { "docker-content-digest": digest })
      })
    default:
      refuse(response, 405, "UNSUPPORTED")
  }
}

const begin = (kept: Kept, repository: string, response: ServerResponse): void => {
  const id = `upload-${kept.uploads.size}-${kept.blobs.size}-${Math.random()}`
  kept.uploads.add(id)
  reply(response, 202, "", { location: kept.locate(`/v2/${repository}/blobs/uploads/${id}?${STATE}`) })
}

/** What a manifest, or an index, says has to be there already. */
const namedIn = (content: Buffer): ReadonlyArray<string> => {
  const { config, layers = [], manifests = [] } = JSON.parse(content.toString("utf8"))
  return [config, ...layers, ...manifests].flatMap((one) => (one === undefined ? [] : [String(one.digest)]))
}

/** The whole of what is sent, if all of it comes. */
export const whole = (request: IncomingMessage, use: (content: Buffer) => void): void => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => use(Buffer.concat(chunks)))
}

export const refuse = (response: ServerResponse, status: number, code: string): void =>
  reply(response, status, JSON.stringify({ errors: [{ code, message: `it is ${code.toLowerCase()}` }] }))
