/** HTTP, as far as registries need it: requests and replies, no redirects followed, no errors by status. */
import type { Dispatcher } from "undici"
import { type ImageProblem, problem } from "../base/ImageProblem.ts"
import { proxyFor } from "./Proxy.ts"

export interface Request {
  readonly method: "GET" | "HEAD" | "POST" | "PUT"
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** Of one that comes in pieces, `content-length` says how long it is. */
  readonly body?: string | Buffer | AsyncIterable<Buffer> | undefined
  /** Whether any certificate will do. */
  readonly insecure: boolean
  readonly signal: AbortSignal
}

export interface Reply {
  readonly status: number
  /** A header, by its name in lower case; of several, all of them. */
  readonly header: (name: string) => string | undefined
  /** To be read to its end, or given up; throws {@link Lost} where the connection ends before it. */
  readonly body: AsyncIterable<Buffer>
  /** Gives the body up. */
  readonly discard: () => void
}

export interface Connection {
  /** Throws {@link Lost} where there is no reply. */
  readonly send: (request: Request) => Promise<Reply>
  readonly close: () => Promise<void>
}

/** There was no reply, or not all of it: worth another try. */
export class Lost extends Error {
  readonly code: string
  /** Whether another try would come to the same. */
  readonly isFinal: boolean
  constructor(url: URL, cause: unknown) {
    const { code, message } = described(cause)
    super(`${url.host}: ${message}`, { cause })
    this.code = code
    this.isFinal = FINAL.has(code) || /CERT|VERIFY|ALTNAME/.test(code)
  }
}

/** Another try right away would only make who waits wait longer. */
const FINAL: ReadonlySet<string> = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"])

/** Milliseconds. */
const CONNECT_TIME = 15_000
const IDLE_TIME = 60_000
/** After all of a large blob has gone, a registry may check and move it before it answers. */
const COMMIT_TIME = 600_000

export const make = async (environment: Readonly<Record<string, string | undefined>>): Promise<Connection> => {
  const { Agent, ProxyAgent, request } = await import("undici")
  const { Readable } = await import("node:stream")
  const agents = new Map<string, Dispatcher>()
  const agentFor = (url: URL, insecure: boolean): Dispatcher => {
    const proxy = proxyFor(url, environment)
    const key = `${insecure} ${proxy ?? ""}`
    const known = agents.get(key)
    if (known !== undefined) return known
    const tls = insecure ? { rejectUnauthorized: false } : {}
    const options = { headersTimeout: IDLE_TIME, bodyTimeout: IDLE_TIME, connect: { timeout: CONNECT_TIME, ...tls } }
    let agent: Dispatcher
    try {
      agent = proxy === undefined ? new Agent(options) : new ProxyAgent({ ...options, uri: proxy, requestTls: tls })
    } catch (cause) {
      throw badProxy(cause)
    }
    agents.set(key, agent)
    return agent
  }
  return {
    send: async ({ body, headers, insecure, method, signal, url }) => {
      const dispatcher = agentFor(url, insecure)
      const reply = await request(url, {
        method,
        headers,
        signal,
        dispatcher,
        ...(method === "PUT" ? { headersTimeout: COMMIT_TIME } : {}),
        ...(body === undefined
          ? {}
          : { body: typeof body === "object" && !Buffer.isBuffer(body) ? Readable.from(body) : body })
      }).catch((cause: unknown) => {
        throw signal.aborted ? cause : new Lost(url, cause)
      })
      return {
        status: reply.statusCode,
        header: (name) => {
          const value = reply.headers[name]
          return Array.isArray(value) ? value.join(", ") : value
        },
        body: chunks(reply.body, url, signal),
        // It is left unread: the connection is not worth what may still come.
        discard: () => {
          reply.body.on("error", () => undefined)
          reply.body.destroy()
        }
      }
    },
    close: async () => {
      await Promise.all([...agents.values()].map((agent) => agent.destroy()))
    }
  }
}

async function* chunks(body: AsyncIterable<unknown>, url: URL, signal: AbortSignal): AsyncIterable<Buffer> {
  try {
    for await (const chunk of body) {
      if (chunk instanceof Uint8Array) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    }
  } catch (cause) {
    throw signal.aborted ? cause : new Lost(url, cause)
  }
}

const badProxy = (cause: unknown): ImageProblem =>
  problem(
    // Not in words: it may have a password.
    "what https_proxy or http_proxy names is no proxy",
    "set https_proxy and http_proxy to something like http://proxy:3128",
    cause
  )

/** In words: where several addresses were tried, the first one's failure. */
const described = (cause: unknown): { readonly code: string; readonly message: string } => {
  const first = cause instanceof AggregateError ? cause.errors[0] : cause
  if (!(first instanceof Error)) return { code: "", message: String(first) }
  const code = "code" in first && typeof first.code === "string" ? first.code : ""
  return { code, message: WORDS.get(code) ?? (first.message || code) }
}

const WORDS: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "nobody listens there"],
  ["ENOTFOUND", "there is no host of this name"],
  ["EAI_AGAIN", "the host's name cannot be looked up at the moment"],
  ["ECONNRESET", "the connection was closed"],
  ["EHOSTUNREACH", "the host cannot be reached"],
  ["ENETUNREACH", "the network cannot be reached"],
  ["UND_ERR_SOCKET", "the connection was closed"],
  ["UND_ERR_CONNECT_TIMEOUT", "the host does not answer"],
  ["UND_ERR_HEADERS_TIMEOUT", "the host does not answer"],
  ["UND_ERR_BODY_TIMEOUT", "the host has stopped sending"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "nobody vouches for its certificate"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "nobody we know vouches for its certificate"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "nobody we know vouches for its certificate"],
  ["CERT_HAS_EXPIRED", "its certificate has expired"],
  ["UND_ERR_RES_CONTENT_LENGTH_MISMATCH", "the connection was closed"]
])
