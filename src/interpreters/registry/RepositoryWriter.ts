/** What is written to a repository in a registry: OCI distribution 1.1, "Push". */
import type { Client } from "./Client.ts"
import { NotThere } from "./Client.ts"

/** What a blob is, and its bytes, as often as they are wanted. */
export interface Upload {
  /** `sha256:…`. */
  readonly digest: string
  /** Bytes. */
  readonly size: number
  readonly read: () => AsyncIterable<Buffer>
}

const BYTES = "application/octet-stream"

export class RepositoryWriter {
  private readonly client: Client
  /** Uploads that the registry has begun because it could not do something better. */
  private readonly begun = new Map<string, URL>()

  constructor(client: Client) {
    this.client = client
  }

  async has(digest: string): Promise<boolean> {
    try {
      await this.client.retrying(async () => {
        const reply = await this.client.exchange({
          method: "HEAD",
          path: `blobs/${digest}`,
          headers: {},
          accept: [200]
        })
        reply.discard()
      })
      return true
    } catch (error) {
      if (error instanceof NotThere) return false
      throw error
    }
  }

  /** Has the registry take a blob from another one of its repositories; false where it does not. */
  async mount(digest: string, from: string): Promise<boolean> {
    const query = new URLSearchParams({ mount: digest, from })
    const path = `blobs/uploads/?${query.toString()}`
    return await this.client.retrying(async () => {
      const reply = await this.client.exchange({ method: "POST", path, headers: NOTHING, accept: [201, 202] })
      reply.discard()
      const location = reply.header("location")
      if (reply.status === 201) return true
      if (location !== undefined) this.begun.set(digest, this.client.place(location, this.client.url(path)))
      return false
    })
  }

  /** Brings a blob, from its beginning again where the connection is lost. The registry checks its digest. */
  async put({ digest, read, size }: Upload): Promise<void> {
    const source = new Watched(read)
    await this.client.retrying(async () => {
      const at = this.begun.get(digest) ?? (await this.begin())
      this.begun.delete(digest)
      const url = new URL(at)
      url.searchParams.set("digest", digest)
      const headers = { "content-type": BYTES, "content-length": String(size) }
      const body = () => source.read()
      const reply = await source.blamed(
        this.client.exchange({ method: "PUT", path: url, headers, body, accept: [201] })
      )
      reply.discard()
    })
  }

  /** Puts a manifest at a tag or a digest. Gives whether the registry notes what it refers to, if that is something. */
  async manifest(reference: string, mediaType: string, bytes: Uint8Array): Promise<boolean> {
    return await this.client.retrying(async () => {
      const reply = await this.client.exchange({
        method: "PUT",
        path: `manifests/${reference}`,
        headers: { "content-type": mediaType },
        body: () => Buffer.from(bytes),
        accept: [201]
      })
      reply.discard()
      return reply.header("oci-subject") !== undefined
    })
  }

  /** The manifest or index at a tag; none where nothing is. */
  async read(reference: string): Promise<Buffer | undefined> {
    try {
      return await this.client.manifest(reference)
    } catch (error) {
      if (error instanceof NotThere) return undefined
      throw error
    }
  }

  private async begin(): Promise<URL> {
    const path = "blobs/uploads/"
    const reply = await this.client.exchange({ method: "POST", path, headers: NOTHING, accept: [202] })
    reply.discard()
    return this.client.place(reply.header("location") ?? "", this.client.url(path))
  }
}

/** Bytes of which it is known when it was they that failed, and not who they were for. */
class Watched {
  private readonly source: () => AsyncIterable<Buffer>
  private failure: { readonly cause: unknown } | undefined

  constructor(source: () => AsyncIterable<Buffer>) {
    this.source = source
  }

  async *read(): AsyncIterable<Buffer> {
    try {
      yield* this.source()
    } catch (cause) {
      this.failure = { cause }
      throw cause
    }
  }

  /** Fails as the bytes did, if they did. */
  async blamed<A>(use: Promise<A>): Promise<A> {
    try {
      return await use
    } catch (error) {
      throw this.failure === undefined ? error : this.failure.cause
    }
  }
}

/** Of a request without a body: some registries want to be told. */
const NOTHING = { "content-length": "0" }
