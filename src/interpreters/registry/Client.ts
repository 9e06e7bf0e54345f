/**
 * A repository in a registry, by the OCI distribution protocol (version 1.1):
 * what is asked for, who asks, and what is done about replies that are not what
 * was asked for.
 *
 * Credentials go to the registry, and to whom it names to exchange them for a
 * token; not to where it redirects to.
 */
import * as ByteSource from "../base/ByteSource.ts"
import { type ImageProblem, problem } from "../base/ImageProblem.ts"
import * as Challenge from "./Challenge.ts"
import { type Connection, Lost, type Reply, type Request } from "./Connection.ts"
import type { Credentials } from "./Credentials.ts"
import * as Endpoint from "./Endpoint.ts"

export interface ClientOptions {
  readonly purpose: "read" | "write"
  readonly connection: Connection
  readonly endpoint: Endpoint.Endpoint
  /** Looked up when the registry asks for them. */
  readonly credentials: (signal: AbortSignal) => Promise<Credentials | undefined>
  /** Whether nobody may be asked who has this name. */
  readonly isBlocked: (host: string) => boolean
  /** Waits so many milliseconds before the next try. Rejects when the signal is aborted. */
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>
  readonly signal: AbortSignal
}

/** The repository has no such manifest or blob. */
export class NotThere extends Error {}

/** What manifests may be, the best first. */
const MANIFESTS = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json"
].join(", ")

/** Bytes; what distribution allows a manifest. */
const MAX_MANIFEST = 4 * 1024 * 1024
const MAX_TOKEN = 1024 * 1024
/** Bytes of what a registry says about an error. */
const MAX_ERROR = 64 * 1024

/** Tries of a request that gets no answer, or is told to come back. */
const TRIES = 5
/** Milliseconds before the second try, doubled before each later one. */
const FIRST_PAUSE = 500
/** Milliseconds that a registry may tell one to wait. */
const LONGEST_PAUSE = 60_000
const MAX_REDIRECTS = 5

/** What a token is asked for. */
const SCOPES = { read: "pull", write: "pull,push" } as const

export class Client {
  readonly name: string
  private readonly options: ClientOptions
  private scheme: "https" | "http" | undefined
  private authorization: string | undefined

  constructor(options: ClientOptions) {
    this.options = options
    this.name = Endpoint.nameOf(options.endpoint)
  }

  /** The bytes of a manifest, by a tag or `sha256:…`. Throws `NotThere` or an `ImageProblem`. */
  async manifest(reference: string): Promise<Buffer> {
    return await this.retrying(async () => {
      const reply = await this.get(`manifests/${reference}`, { accept: MANIFESTS })
      return await this.collect(reply, MAX_MANIFEST, `the manifest ${reference} of ${this.name}`)
    })
  }

  /**
   * A blob of so many bytes from one on, to its end, however often the connection
   * is lost meanwhile. Only its length is looked at.
   */
  async *blob(digest: string, size: number, from: number): ByteSource.ByteSource {
    let at = from
    for (let failures = 0; ;) {
      try {
        const reply = await this.get(`blobs/${digest}`, at === 0 ? {} : { range: `bytes=${at}-` })
        // One that does not know of ranges begins at the beginning.
        let skip = reply.status === 206 ? 0 : at
        try {
          this.refuseOthers(reply, digest, size, at)
          for await (const chunk of reply.body) {
            const rest = chunk.subarray(Math.min(skip, chunk.length))
            skip -= chunk.length - rest.length
            at += rest.length
            if (rest.length === 0) continue
            failures = 0
            yield rest
          }
        } finally {
          reply.discard()
        }
        if (at < size)
          throw problem(`the blob ${digest} of ${this.name} ends after ${at} of ${size} bytes`, "try again")
        return
      } catch (error) {
        failures = await this.wait(error, failures)
      }
    }
  }

  /** What says that it is something else: a page for people, another part. */
  private refuseOthers({ header, status }: Reply, digest: string, size: number, at: number): void {
    const length = header("content-length")
    const expected = status === 206 ? size - at : size
    const begin = /^bytes (\d+)-/.exec(header("content-range") ?? "")?.[1]
    const isWrong =
      (length !== undefined && Number(length) !== expected) || (status === 206 && Number(begin ?? at) !== at)
    if (isWrong) throw problem(`${this.name} sends something else for the blob ${digest}, which has ${size} bytes`)
  }

  /** Does something, and again where no answer comes or the registry says to come back. */
  async retrying<A>(work: () => Promise<A>): Promise<A> {
    for (let failures = 0; ;) {
      try {
        return await work()
      } catch (error) {
        failures = await this.wait(error, failures)
      }
    }
  }

  /** Waits before another try, and counts; throws what no other try would help with. */
  private async wait(error: unknown, failures: number): Promise<number> {
    const count = failures + 1
    const isWorthIt = error instanceof Busy || (error instanceof Lost && !(failures === 0 && error.isFinal))
    if (!isWorthIt || count >= TRIES) throw final(error, this.name)
    const { pause, signal } = this.options
    const longer = FIRST_PAUSE * 2 ** failures
    await pause(Math.min(LONGEST_PAUSE, Math.max(longer, error instanceof Busy ? error.pause : 0)), signal)
    return count
  }

  private get(path: string, headers: Readonly<Record<string, string>>): Promise<Reply> {
    return this.exchange({ method: "GET", path, headers, accept: [200, 206] })
  }

  /** Asks for something in the repository; the reply has one of the statuses that are accepted. */
  async exchange(wanted: Exchange): Promise<Reply> {
    let { isOurs, reply } = await this.ask(wanted)
    // What others ask for is not for them: they would be told the registry's password.
    if (reply.status === 401 && isOurs) {
      const asked = reply.header("www-authenticate") ?? ""
      reply.discard()
      this.authorization = await this.authorize(asked)
      reply = (await this.ask(wanted)).reply
    }
    if (wanted.accept.includes(reply.status)) return reply
    throw await this.refusal(reply, wanted)
  }

  private async ask(wanted: Exchange): Promise<Answer> {
    const { path } = wanted
    if (path instanceof URL) return await this.follow(path, wanted)
    const { endpoint } = this.options
    const schemes =
      this.scheme === undefined
        ? endpoint.insecure
          ? (["https", "http"] as const)
          : (["https"] as const)
        : [this.scheme]
    for (const scheme of schemes) {
      const url = new URL(`${scheme}://${endpoint.host}/v2/${endpoint.repository}/${path}`)
      try {
        const answer = await this.follow(url, wanted)
        this.scheme = scheme
        return answer
      } catch (error) {
        // Who does not speak TLS has not understood a word.
        if (scheme !== "https" || !endpoint.insecure || !(error instanceof Lost) || this.scheme !== undefined)
          throw error
        if (error.code === "ECONNREFUSED" || error.code === "ENOTFOUND") throw error
      }
    }
    throw problem(`${this.name} cannot be reached`)
  }

  private async follow(first: URL, { body, headers, method }: Exchange): Promise<Answer> {
    const origin = this.origin ?? first.origin
    let url = first
    for (let count = 0; count <= MAX_REDIRECTS; count++) {
      const isOurs = url.origin === origin
      const reply = await this.send({
        method,
        url,
        headers:
          isOurs && this.authorization !== undefined ? { ...headers, authorization: this.authorization } : headers,
        body: body?.()
      })
      const location = reply.header("location")
      const isRedirect = reply.status >= 300 && reply.status < 400 && reply.status !== 304 && location !== undefined
      // What is written is written where it was asked for.
      if (!isRedirect || (method !== "GET" && method !== "HEAD")) return { reply, isOurs }
      reply.discard()
      url = this.place(location, url)
    }
    throw problem(`${this.name} redirects more than ${MAX_REDIRECTS} times`)
  }

  /** Where a reply to a request of a URL says to go on. */
  place(location: string, from: URL): URL {
    const next = URL.canParse(location, from.href) ? new URL(location, from) : undefined
    const isAllowed = next?.protocol === "https:" || next?.protocol === from.protocol
    if (next !== undefined && isAllowed && !this.options.isBlocked(next.host)) return next
    throw problem(`${this.name} redirects to ${shown(location)}, which is not followed`)
  }

  /** A path in the repository; only after something was asked for there. */
  url(path: string): URL {
    const { endpoint } = this.options
    return new URL(`${this.scheme ?? "https"}://${endpoint.host}/v2/${endpoint.repository}/${path}`)
  }

  /** The registry's own, once it has answered. */
  private get origin(): string | undefined {
    return this.scheme === undefined ? undefined : new URL(`${this.scheme}://${this.options.endpoint.host}`).origin
  }

  private send(request: Pick<Request, "body" | "headers" | "method" | "url">): Promise<Reply> {
    const { connection, signal } = this.options
    return connection.send({ ...request, insecure: this.isInsecure(request.url), signal })
  }

  /** That the registry may be insecure says nothing of whom it names. */
  private isInsecure({ host }: URL): boolean {
    const { endpoint } = this.options
    return endpoint.insecure && (host === Endpoint.normalised(endpoint.host) || Endpoint.isLoopback(host))
  }

  /** Does what a registry asks for; gives the header for the next request. */
  private async authorize(asked: string): Promise<string> {
    const challenges = Challenge.parse(asked)
    const credentials = await this.options.credentials(this.options.signal)
    const bearer = challenges.find(({ scheme }) => scheme === "bearer")
    if (bearer !== undefined) return `Bearer ${await this.token(bearer, credentials)}`
    if (!challenges.some(({ scheme }) => scheme === "basic")) {
      throw problem(`${this.name} asks for an authentication that is not known: ${asked.slice(0, 200)}`)
    }
    if (credentials?._tag !== "Password") throw this.denied()
    return basic(credentials)
  }

  /** Where the registry says, a token for this repository; with credentials if there are any. */
  private async token({ parameters }: Challenge.Challenge, credentials: Credentials | undefined): Promise<string> {
    const realm = parameters.get("realm") ?? ""
    const url = URL.canParse(realm) ? new URL(realm) : undefined
    const isAllowed = url?.protocol === "https:" || (url?.protocol === "http:" && this.isInsecure(url))
    if (url === undefined || !isAllowed || this.options.isBlocked(url.host)) {
      throw problem(`${this.name} sends us to ${shown(realm)} for a token, which is no place for secrets`)
    }
    const service = parameters.get("service")
    const scopes = this.scopes(parameters.get("scope"))
    const reply = await this.send(
      credentials?._tag === "IdentityToken"
        ? exchange(url, credentials.token, service, scopes)
        : fetchToken(url, credentials, service, scopes)
    )
    if (reply.status === 401 || reply.status === 403) {
      reply.discard()
      throw this.denied()
    }
    if (reply.status !== 200) throw await this.refusal(reply, { method: "GET", path: `a token from ${url.host}` })
    const bytes = await this.collect(reply, MAX_TOKEN, `the token from ${url.host}`)
    const token = tokenIn(bytes)
    if (token === undefined) throw problem(`${url.host} gives no token for ${this.name}`)
    return token
  }

  /** What a registry asks for, which may be several. Some speak of reading also where one has begun to write. */
  private scopes(asked: string | undefined): ReadonlyArray<string> {
    const { endpoint, purpose } = this.options
    const scopeFor = (actions: string): string => `repository:${endpoint.repository}:${actions}`
    const own = scopeFor(SCOPES[purpose])
    return (asked ?? own).split(" ").map((one) => (one === scopeFor(SCOPES.read) ? own : one))
  }

  private async collect(reply: Reply, limit: number, what: string): Promise<Buffer> {
    try {
      return await ByteSource.collect(reply.body, limit, what)
    } finally {
      reply.discard()
    }
  }

  /** What a reply means that is none. */
  private async refusal(reply: Reply, wanted: Pick<Exchange, "method" | "path" | "what">): Promise<unknown> {
    const { method, path } = wanted
    const { status } = reply
    if (status === 429 || status >= 500) {
      const pause = seconds(reply.header("retry-after")) * 1000
      reply.discard()
      return new Busy(this.name, status, pause)
    }
    if (status === 401 || status === 403) {
      reply.discard()
      return this.denied()
    }
    const said = await saying(reply)
    const isRead = method === "GET" || method === "HEAD"
    if (status === 404 && isRead) return new NotThere(`${this.name} has no ${String(path)}${said}`)
    const place = path instanceof URL ? path.pathname : path
    const what = wanted.what ?? (isRead ? place : `${method} ${place}`)
    const hint = status === 413 ? "it, or a proxy before it, takes nothing so large" : undefined
    return problem(`${this.name} answers ${status} to ${what}${said}`, hint)
  }

  private denied(): ImageProblem {
    const { endpoint, purpose } = this.options
    const { host } = endpoint
    return problem(
      purpose === "read"
        ? `${this.name} may not be read by us, or is not there`
        : `${this.name} may not be written to by us`,
      `log in (docker login ${host}, or podman login ${host}), or look at the name`
    )
  }
}

/** A request of something in the repository. */
export interface Exchange {
  readonly method: Request["method"]
  /** In the repository, or where the registry has said. */
  readonly path: string | URL
  /** In words, where the path says nothing to a reader. */
  readonly what?: string
  readonly headers: Readonly<Record<string, string>>
  /** Made anew for each try. */
  readonly body?: () => Request["body"]
  /** Statuses. */
  readonly accept: ReadonlyArray<number>
}

interface Answer {
  readonly reply: Reply
  /** Whether it is the registry's own, and not of somebody whom it sends us to. */
  readonly isOurs: boolean
}

/** The registry says to come back later. */
class Busy extends Error {
  readonly pause: number
  readonly status: number
  constructor(name: string, status: number, pause: number) {
    super(`${name} answers ${status}`)
    this.status = status
    this.pause = pause
  }
}

/** What is said when no other try is made. */
const final = (error: unknown, name: string): unknown => {
  if (error instanceof Busy) {
    const limited = "it limits how often one may ask: log in, or try again later"
    return problem(error.message, error.status === 429 ? limited : "try again later")
  }
  if (!(error instanceof Lost)) return error
  return problem(`cannot reach ${name}: ${error.message}`, HINTS.get(error.code), error)
}

/** A place without what may be secret: a query may be a signature, and a name have a password. */
const shown = (place: string): string => JSON.stringify(place.replace(/[?#].*$/s, "").replace(/\/\/[^/]*@/, "//"))

const HINTS: ReadonlyMap<string, string> = new Map([
  ["ENOTFOUND", "look at the registry's name; a proxy is taken from https_proxy"],
  ["ECONNREFUSED", "look at the registry's name and port"]
])

const basic = ({ password, user }: Extract<Credentials, { readonly _tag: "Password" }>): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`

const fetchToken = (
  realm: URL,
  credentials: Extract<Credentials, { readonly _tag: "Password" }> | undefined,
  service: string | undefined,
  scopes: ReadonlyArray<string>
): Pick<Request, "headers" | "method" | "url"> => {
  const url = new URL(realm)
  if (service !== undefined) url.searchParams.set("service", service)
  for (const one of scopes) url.searchParams.append("scope", one)
  return { method: "GET", url, headers: credentials === undefined ? {} : { authorization: basic(credentials) } }
}

/** OAuth 2, as distribution's documents describe it. */
const exchange = (
  url: URL,
  token: string,
  service: string | undefined,
  scopes: ReadonlyArray<string>
): Pick<Request, "body" | "headers" | "method" | "url"> => ({
  method: "POST",
  url,
  headers: { "content-type": "application/x-www-form-urlencoded" },
  body: new URLSearchParams({
    grant_type: "refresh_token",
    refresh_token: token,
    client_id: "obuilder",
    ...(service === undefined ? {} : { service }),
    scope: scopes.join(" ")
  }).toString()
})

const tokenIn = (bytes: Buffer): string | undefined => {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString("utf8"))
  } catch {
    return undefined
  }
  if (typeof value !== "object" || value === null) return undefined
  const { access_token, token }: { access_token?: unknown; token?: unknown } = value
  const found = [token, access_token].find((one) => typeof one === "string" && /^[\x21-\x7e]+$/.test(one))
  return typeof found === "string" ? found : undefined
}

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
