/** HTTP with a Docker engine: requests and replies, and in words why there are none. */
import type { Readable } from "node:stream"
import { visible } from "../../domain/DisplayText.ts"
import * as ByteSource from "../base/ByteSource.ts"
import { type ImageProblem, problem } from "../base/ImageProblem.ts"
import { watch } from "../base/WatchedSource.ts"
import type { DockerHost } from "./DockerHost.ts"

export interface Request {
  readonly method: "DELETE" | "GET" | "HEAD" | "POST" | "PUT"
  /**
   * Without a version of the API in front: engines of today refuse the versions
   * of yesterday, and all of them take none for the newest that they know.
   */
  readonly path: string
  /** A tar. */
  readonly body?: AsyncIterable<Uint8Array>
  /** What is sent as JSON instead. */
  readonly document?: unknown
  /** Whether the engine works before it answers, for as long as that takes. */
  readonly isLong?: boolean
  readonly signal: AbortSignal
}

export interface Reply {
  readonly status: number
  /** A header's value, by its name in small letters. */
  readonly header: (name: string) => string | undefined
  /** To be read to its end, or given up; throws an `ImageProblem` where the connection ends before it. */
  readonly body: ByteSource.ByteSource
  /** Gives the body up. */
  readonly discard: () => void
}

/** Bytes both ways, on a connection that HTTP has been left on. */
export interface Conversation {
  /** Waits until the other end takes more; false where it takes nothing any more. */
  readonly write: (chunk: Uint8Array) => Promise<boolean>
  /** Nothing more will be written. */
  readonly end: () => void
  readonly body: ByteSource.ByteSource
  /** Closes it, whatever is on its way. */
  readonly discard: () => void
}

export interface DockerConnection {
  /** For messages. */
  readonly name: string
  /** Throws an `ImageProblem` where there is no reply, and what the request's own body throws. */
  readonly send: (request: Request) => Promise<Reply>
  /** Posts what makes a stream of bytes of the connection. Throws an `ImageProblem` where the engine does not do that. */
  readonly converse: (path: string, signal: AbortSignal) => Promise<Conversation>
  readonly close: () => Promise<void>
}

/** Milliseconds. */
const CONNECT_TIME = 15_000
const ANSWER_TIME = 60_000

/** Bytes of what an engine says about an error. */
const MAX_ERROR = 64 * 1024

/** Connects at the first request. */
export const open = async (host: DockerHost): Promise<DockerConnection> => {
  const { Agent, request, upgrade } = await import("undici")
  const { Readable } = await import("node:stream")
  const { origin, socketPath } = host
  const name = `the Docker engine at ${visible(host.name)}`
  const where = socketPath === undefined ? {} : { socketPath }
  const agent = new Agent({ connect: { timeout: CONNECT_TIME, ...where } })
  return {
    name,
    send: async ({ body, document, isLong = false, method, path, signal }) => {
      const sent = body === undefined ? undefined : watch(body)
      const reply = await request(new URL(path, origin), {
        method,
        signal,
        dispatcher: agent,
        // Who works may be silent for long; that a peer is gone is noticed by TCP.
        headersTimeout: isLong ? 0 : ANSWER_TIME,
        bodyTimeout: isLong ? 0 : ANSWER_TIME,
        ...(document === undefined
          ? {}
          : { body: JSON.stringify(document), headers: { "content-type": "application/json" } }),
        ...(sent === undefined
          ? {}
          : { body: quiet(Readable.from(sent.chunks)), headers: { "content-type": "application/x-tar" } })
      }).catch((cause: unknown) => {
        if (signal.aborted) throw cause
        // Where the body could not be made, that is not the engine's fault.
        const failure = sent?.failure()
        throw failure === undefined ? lost(name, cause) : failure.cause
      })
      return {
        status: reply.statusCode,
        header: (header) => {
          const value = reply.headers[header]
          return typeof value === "string" ? value : value?.[0]
        },
        body: chunks(reply.body, name, signal),
        discard: () => {
          reply.body.on("error", () => undefined)
          reply.body.destroy()
        }
      }
    },
    converse: async (path, signal) => {
      const options = { method: "POST", protocol: "tcp", dispatcher: agent, signal } as const
      const { socket } = await upgrade(new URL(path, origin), options).catch((cause: unknown) => {
        throw signal.aborted ? cause : lost(name, cause)
      })
      const discard = () => void socket.destroy()
      // Whoever reads or writes hears of it.
      socket.on("error", () => undefined)
      socket.on("close", () => signal.removeEventListener("abort", discard))
      signal.addEventListener("abort", discard)
      return {
        write: async (chunk) => {
          if (socket.writable && !socket.write(chunk)) {
            await new Promise<void>((resolve) => {
              const done = () => {
                socket.off("drain", done).off("close", done)
                resolve()
              }
              socket.on("drain", done).on("close", done)
            })
          }
          return socket.writable
        },
        end: () => void socket.end(),
        body: chunks(socket, name, signal),
        discard
      }
    },
    close: () => agent.destroy()
  }
}

/** What fails when nobody sends it any more is nobody's: who makes it is told otherwise. */
const quiet = (body: Readable): Readable => body.on("error", () => undefined)

/** What a reply means that is no success: the engine's own words. */
export const refusal = async (
  connection: DockerConnection,
  { body, discard, status }: Reply
): Promise<ImageProblem> => {
  try {
    const message = messageIn(await ByteSource.collect(body, MAX_ERROR, "an error"))
    return problem(`${connection.name} answers ${status}${message === undefined ? "" : `: ${message}`}`)
  } finally {
    discard()
  }
}

const messageIn = (bytes: Buffer): string | undefined => {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"))
    const { message }: { readonly message?: unknown } = typeof value === "object" && value !== null ? value : {}
    return typeof message === "string" ? visible(message) : undefined
  } catch {
    return undefined
  }
}

async function* chunks(body: AsyncIterable<unknown>, name: string, signal: AbortSignal): ByteSource.ByteSource {
  try {
    for await (const chunk of body) {
      if (chunk instanceof Uint8Array) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    }
  } catch (cause) {
    throw signal.aborted ? cause : lost(name, cause)
  }
}

const lost = (name: string, cause: unknown): ImageProblem => {
  // Where several addresses were tried, the first one's failure.
  const first: unknown = cause instanceof AggregateError ? cause.errors[0] : cause
  const code = first instanceof Error && "code" in first ? first.code : undefined
  switch (code) {
    case "ENOENT":
    case "ECONNREFUSED":
      return problem(`${name} is not there: nobody listens`, "start it, or say in DOCKER_HOST where it is", cause)
    case "EACCES":
    case "EPERM":
      return problem(
        `${name} may not be used by this user`,
        "build as root, or as a member of the group that its socket belongs to (docker)",
        cause
      )
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return problem(`${name} is not there: its host's name is not known`, "look at DOCKER_HOST", cause)
    case "UND_ERR_CONNECT_TIMEOUT":
    case "UND_ERR_HEADERS_TIMEOUT":
    case "UND_ERR_BODY_TIMEOUT":
      return problem(`${name} does not answer`, "look at its log, or at DOCKER_HOST", cause)
    case "UND_ERR_SOCKET":
    case "ECONNRESET":
    case "EPIPE":
      return problem(`${name} has closed the connection`, "look at its log; if it was restarted, try again", cause)
    default:
      return problem(`${name} cannot be reached: ${first instanceof Error ? visible(first.message) : String(first)}`)
  }
}
