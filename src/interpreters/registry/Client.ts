/**
 * A repository in a registry, by the OCI distribution protocol (version 1.1):
 * what is asked for, where, and how often.
 *
 * Credentials go to the registry, and to whom it names to exchange them for a
 * token; not to where it redirects to.
 */
import * as ByteSource from "../base/ByteSource.ts"
import { problem } from "../base/ImageProblem.ts"
import { type Asked, authorize } from "./Authorization.ts"
import { type Connection, Lost, type Reply, type Request } from "./Connection.ts"
import * as Endpoint from "./Endpoint.ts"
import { Busy, final, refusal, type Wanted } from "./Refusals.ts"

export interface ClientOptions extends Omit<Asked, "isInsecure" | "send"> {
  readonly connection: Connection
  /** Waits so many milliseconds before the next try. Rejects when the signal is aborted. */
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

/** What manifests may be, the best first. */
const MANIFESTS = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json"
].join(", ")

/** Bytes; what distribution allows a manifest. */
const MAX_MANIFEST = 4 * 1024 * 1024

/** Tries of a request that gets no answer, or is told to come back. */
const TRIES = 5
/** Milliseconds before the second try, doubled before each later one. */
const FIRST_PAUSE = 500
/** Milliseconds that a registry may tell one to wait. */
const LONGEST_PAUSE = 60_000
const MAX_REDIRECTS = 5

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
      const what = `the manifest ${reference} of ${this.name}`
      return await ByteSource.collect(reply.body, MAX_MANIFEST, what).finally(reply.discard)
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
    if (!isWorthIt || count >= TRIES) throw final(error, this.options)
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
      this.authorization = await authorize(asked, {
        ...this.options,
        isInsecure: (url) => this.isInsecure(url),
        send: (request) => this.send(request)
      })
      reply = (await this.ask(wanted)).reply
    }
    if (wanted.accept.includes(reply.status)) return reply
    throw await refusal(reply, wanted, this.options)
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
    throw problem(`${this.name} redirects to ${Endpoint.shown(location)}, which is not followed`)
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
}

/** A request of something in the repository. */
export interface Exchange extends Wanted {
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
