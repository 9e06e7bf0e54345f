/** What a registry means that does not do what it was asked for: whether to come back, and what is said of it. */
import * as ByteSource from "../base/ByteSource.ts"
import { type ImageProblem, problem } from "../base/ImageProblem.ts"
import { Lost, type Reply, type Request } from "./Connection.ts"
import * as Endpoint from "./Endpoint.ts"

/** What one wants of which repository. */
export interface Errand {
  readonly purpose: "read" | "write"
  readonly endpoint: Endpoint.Endpoint
}

/** The repository has no such manifest or blob. */
export class NotThere extends Error {}

/** The registry says to come back later. */
export class Busy extends Error {
  /** Milliseconds; 0 where it does not say when. */
  readonly pause: number
  readonly status: number
  constructor(name: string, status: number, pause: number) {
    super(`${name} answers ${status}`)
    this.status = status
    this.pause = pause
  }
}

/** What was asked for. */
export interface Wanted {
  readonly method: Request["method"]
  /** In the repository, or where the registry has said. */
  readonly path: string | URL
  /** In words, where the path says nothing to a reader. */
  readonly what?: string
}

/** Bytes of what a registry says about an error. */
const MAX_ERROR = 64 * 1024

/** What a reply means that is none: `Busy`, `NotThere` or an `ImageProblem`. */
export const refusal = async (reply: Reply, { method, path, what }: Wanted, errand: Errand): Promise<unknown> => {
  const { status } = reply
  const name = Endpoint.nameOf(errand.endpoint)
  if (status === 429 || status >= 500) {
    const pause = seconds(reply.header("retry-after")) * 1000
    reply.discard()
    return new Busy(name, status, pause)
  }
  if (status === 401 || status === 403) {
    reply.discard()
    return denied(errand)
  }
  const said = await saying(reply)
  const isRead = method === "GET" || method === "HEAD"
  if (status === 404 && isRead) return new NotThere(`${name} has no ${String(path)}${said}`)
  const place = path instanceof URL ? path.pathname : path
  const hint = status === 413 ? "it, or a proxy before it, takes nothing so large" : undefined
  return problem(`${name} answers ${status} to ${what ?? (isRead ? place : `${method} ${place}`)}${said}`, hint)
}

export const denied = ({ endpoint, purpose }: Errand): ImageProblem => {
  const { host } = endpoint
  const name = Endpoint.nameOf(endpoint)
  return problem(
    purpose === "read" ? `${name} may not be read by us, or is not there` : `${name} may not be written to by us`,
    `log in (docker login ${host}, or podman login ${host}), or look at the name`
  )
}

/** What is said when no other try is made. */
export const final = (error: unknown, { endpoint }: Errand): unknown => {
  if (error instanceof Busy) {
    const limited = "it limits how often one may ask: log in, or try again later"
    return problem(error.message, error.status === 429 ? limited : "try again later")
  }
  if (!(error instanceof Lost)) return error
  return problem(`cannot reach ${Endpoint.nameOf(endpoint)}: ${error.message}`, HINTS.get(error.code), error)
}

const HINTS: ReadonlyMap<string, string> = new Map([
  ["ENOTFOUND", "look at the registry's name; a proxy is taken from https_proxy"],
  ["ECONNREFUSED", "look at the registry's name and port"]
])

/** Seconds of `Retry-After`; 0 where it says nothing, or a date. */
const seconds = (header: string | undefined): number => (/^\d{1,6}$/.test(header ?? "") ? Number(header) : 0)

/** What a registry says of its refusal, if that can be made out. */
const saying = async (reply: Reply): Promise<string> => {
  try {
    const bytes = await ByteSource.collect(reply.body, MAX_ERROR, "an error")
    const value: unknown = JSON.parse(bytes.toString("utf8"))
    const { errors }: { errors?: unknown } = typeof value === "object" && value !== null ? value : {}
    const [first]: ReadonlyArray<unknown> = Array.isArray(errors) ? errors : []
    const { message }: { message?: unknown } = typeof first === "object" && first !== null ? first : {}
    // Nothing that a terminal would act on.
    return typeof message === "string" ? `: ${message.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 200)}` : ""
  } catch {
    return ""
  } finally {
    reply.discard()
  }
}
