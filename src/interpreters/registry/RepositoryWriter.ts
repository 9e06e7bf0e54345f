/** What is written to a repository in a registry: OCI distribution 1.1, "Push". */
import { sha256 } from "../../domain/Digest.ts"
import { ImageProblem, problem } from "../base/ImageProblem.ts"
import { watch, type WatchedSource } from "../base/WatchedSource.ts"
import type { Client } from "./Client.ts"
import { NotThere } from "./Refusals.ts"

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

  /**
   * Has the registry take a blob from another one of its repositories; false
   * where it does not, for whatever reason it has: it can still be brought.
   */
  async mount(digest: string, from: string): Promise<boolean> {
    const query = new URLSearchParams({ mount: digest, from })
    const path = `blobs/uploads/?${query.toString()}`
    return await this.client.retrying(async () => {
      const wanted = { method: "POST", path, headers: NOTHING, accept: [201, 202] } as const
      const reply = await this.client.exchange(wanted).catch((error: unknown) => {
        if (error instanceof ImageProblem) return undefined
        throw error
      })
      if (reply === undefined) return false
      reply.discard()
      const location = reply.header("location")
      if (reply.status === 201) return true
      if (location !== undefined) this.begun.set(digest, this.client.place(location, this.client.url(path)))
      return false
    })
  }

  /** Brings a blob, from its beginning again where the connection is lost. The registry checks its digest. */
  async put(upload: Upload): Promise<void> {
    const { digest, size } = upload
    await this.client.retrying(async () => {
      const at = this.begun.get(digest) ?? (await this.begin())
      this.begun.delete(digest)
      let source: WatchedSource<Buffer> | undefined
      const body = (): AsyncIterable<Buffer> => (source = watch(counted(upload))).chunks
      try {
        const reply = await this.client.exchange({
          method: "PUT",
          path: withDigest(at, digest),
          what: `the upload of the blob ${digest}`,
          headers: { "content-type": BYTES, "content-length": String(size) },
          body,
          accept: [201]
        })
        reply.discard()
      } catch (error) {
        // Where the bytes could not be had, that is not the registry's fault.
        const failure = source?.failure()
        throw failure === undefined ? error : failure.cause
      }
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
      this.checkTaken(reference, reply.header("docker-content-digest"), `sha256:${sha256(bytes)}`)
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
    const location = reply.header("location")
    if (location !== undefined) return this.client.place(location, this.client.url(path))
    throw problem(`${this.client.name} does not say where the upload that it has begun goes on`)
  }

  /** Who asks for what is said to be there would not get it. */
  private checkTaken(reference: string, taken: string | undefined, digest: string): void {
    if (taken === undefined || taken === digest || !/^sha256:[0-9a-f]{64}$/.test(taken)) return
    throw problem(
      `${this.client.name} has taken the manifest ${reference} as ${taken}, not as ${digest}`,
      "the registry, or something on the way to it, has changed it"
    )
  }
}

/** What the URL's query says already stays as it is, to the letter: it may be signed. */
const withDigest = (upload: URL, digest: string): URL => {
  const url = new URL(upload)
  url.search = `${url.search === "" ? "?" : `${url.search}&`}digest=${encodeURIComponent(digest)}`
  return url
}

/** An upload's bytes, which have to be as many as it says. */
async function* counted({ digest, read, size }: Upload): AsyncIterable<Buffer> {
  let count = 0
  const wrong = (): ImageProblem =>
    problem(`the blob ${digest} does not have the ${size} bytes that it should have`, "it is damaged")
  for await (const chunk of read()) {
    count += chunk.length
    if (count > size) throw wrong()
    yield chunk
  }
  if (count < size) throw wrong()
}

/** Of a request without a body: some registries want to be told. */
const NOTHING = { "content-length": "0" }
