/** HTTP with a Docker engine: requests and replies, and in words why there are none. */
import type { ClientRequest, IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import { visible } from "../../domain/DisplayText.ts"
import * as ByteSource from "../base/ByteSource.ts"
import { ImageProblem, problem } from "../base/ImageProblem.ts"
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

/** Connects at the first request. Node's own client: any other one takes longer to load than most requests. */
export const open = async (host: DockerHost): Promise<DockerConnection> => {
  const Http = await import("node:http")
  const { origin, socketPath } = host
  const name = `the Docker engine at ${visible(host.name)}`
  const agent = new Http.Agent({ keepAlive: true })
  const where = socketPath === undefined ? { host: hostOf(origin), port: origin.port } : { socketPath }
  return {
    name,
    send: async ({ body, document, isLong = false, method, path, signal }) => {
      const sent = body === undefined ? undefined : watch(body)
      const text = document === undefined ? undefined : Buffer.from(JSON.stringify(document))
      const headers = {
        host: origin.host,
        ...(sent === undefined ? {} : { "content-type": "application/x-tar" }),
        ...(text === undefined
          ? { "content-length": 0 }
          : { "content-type": "application/json", "content-length": text.length })
      }
      if (sent !== undefined) Reflect.deleteProperty(headers, "content-length")
      // Who works may be silent for long; that a peer is gone is noticed by TCP.
      const timeout = isLong ? 0 : ANSWER_TIME
      const request = Http.request({ ...where, agent, headers, method, path, signal, timeout })
      const reply = await answerOf(request, sent?.chunks, text).catch((cause: unknown) => {
        if (signal.aborted) throw aborted(name, signal, cause)
        // Where the body could not be made, that is not the engine's fault.
        const failure = sent?.failure()
        throw failure === undefined ? lost(name, cause) : failure.cause
      })
      const discard = () => {
        reply.on("error", () => undefined)
        reply.destroy()
      }
      return {
        status: reply.statusCode ?? 0,
        header: (header) => {
          const value = reply.headers[header]
          return typeof value === "string" ? value : value?.[0]
        },
        body: chunks(reply, name, signal),
        // What has been read to its end leaves the connection to others.
        discard: () => (method === "HEAD" ? reply.resume() : discard())
      }
    },
    converse: async (path, signal) => {
      const headers = { host: origin.host, connection: "Upgrade", upgrade: "tcp", "content-length": 0 }
      const request = Http.request({ ...where, agent, headers, method: "POST", path, signal })
      const upgraded = new Promise<Socket>((resolve) => {
        request.on("upgrade", (_, socket, head) => {
          if (head.length > 0) socket.unshift(head)
          resolve(socket as Socket)
        })
      })
      const refused = answerOf(request, undefined, undefined).then((reply) => {
        reply.destroy()
        throw problem(`${name} answers ${reply.statusCode} where a connection to a container was asked for`)
      })
      const socket = await Promise.race([upgraded, refused]).catch((cause: unknown) => {
        if (signal.aborted) throw aborted(name, signal, cause)
        throw cause instanceof ImageProblem ? cause : lost(name, cause)
      })
      return conversation(socket, name, signal)
    },
    close: async () => agent.destroy()
  }
}

const conversation = (socket: Socket, name: string, signal: AbortSignal): Conversation => {
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
}

/** A URL has an address of IPv6 in brackets, which are no part of it. */
const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, "$1")

/** Sends a request with its body; gives the answer, which may come before the body's end. */
const answerOf = (
  request: ClientRequest,
  body: AsyncIterable<Uint8Array> | undefined,
  text: Buffer | undefined
): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    request.on("response", resolve)
    // Of what happens later, who reads the answer is told.
    request.on("error", reject)
    request.on("timeout", () => request.destroy(new Late()))
    request.on("socket", (socket) => {
      if (!socket.connecting) return
      const timer = setTimeout(() => request.destroy(new Late()), CONNECT_TIME)
      for (const event of ["connect", "close"]) socket.once(event, () => clearTimeout(timer))
    })
    if (body === undefined) request.end(text)
    else {
      sendAll(request, body).catch((cause: unknown) => {
        reject(cause)
        request.destroy()
      })
    }
  })

/** Nothing came for as long as one waits. */
class Late extends Error {
  readonly code = "ETIMEDOUT"
}

const sendAll = async (request: ClientRequest, body: AsyncIterable<Uint8Array>): Promise<void> => {
  let isClosed = false
  let wake = (): void => undefined
  const ready = (): void => wake()
  request.on("close", () => {
    isClosed = true
    wake()
  })
  request.on("drain", ready)
  for await (const chunk of body) {
    if (isClosed) return
    if (!request.write(chunk)) {
      await new Promise<void>((resolve) => {
        wake = resolve
        if (isClosed) resolve()
      })
    }
  }
  request.end()
}

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
    throw signal.aborted ? aborted(name, signal, cause) : lost(name, cause)
  }
}

/** Who has set himself a time is told that it is over; who was interrupted knows. */
const aborted = (name: string, { reason }: AbortSignal, cause: unknown): unknown =>
  reason instanceof Error && reason.name === "TimeoutError"
    ? problem(`${name} takes too long`, "look at its log, or at what else it does", cause)
    : cause

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
    case "ETIMEDOUT":
      return problem(`${name} does not answer`, "look at its log, or at DOCKER_HOST", cause)
    case "ECONNRESET":
    case "EPIPE":
      return problem(`${name} has closed the connection`, "look at its log; if it was restarted, try again", cause)
    default:
      return problem(`${name} cannot be reached: ${first instanceof Error ? visible(first.message) : String(first)}`)
  }
}
