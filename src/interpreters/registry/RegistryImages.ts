/** Images in registries: what their names mean, and their layers, fetched as they are needed. */
import * as Option from "effect/Option"
import { createHash } from "node:crypto"
import { Digest } from "../../domain/Digest.ts"
import { fullName, type RegistryReference } from "../../domain/ImageReference.ts"
import * as ByteSource from "../base/ByteSource.ts"
import { ImageProblem, isSystemError, problem } from "../base/ImageProblem.ts"
import * as Schemas from "../base/ImageSchemas.ts"
import * as LocalImage from "../base/LocalImage.ts"
import * as OciLayout from "../base/OciLayout.ts"
import type * as Platform from "../base/Platform.ts"
import type { Blob, Place } from "./Blob.ts"
import { BlobCache } from "./BlobCache.ts"
import { Client } from "./Client.ts"
import type { Connection } from "./Connection.ts"
import type { Credentials } from "./Credentials.ts"
import { Documents } from "./Documents.ts"
import { Downloads } from "./Downloads.ts"
import type { Endpoint } from "./Endpoint.ts"
import { NotThere } from "./Refusals.ts"
import { Tags } from "./Tags.ts"

/** What has been found out, for who may not write it down yet: by digests, and by full names. */
export interface Findings {
  readonly documents: Map<string, Buffer>
  readonly tags: Map<string, Digest>
}

export interface RegistryImagesOptions {
  /** Where blobs and what tags mean are kept; `undefined` while there is no such place. */
  readonly directory: string | undefined
  /** Whether what is found out is written there. */
  readonly writes: boolean
  readonly findings: Findings
  /** Whether tags are asked for again whose meaning is known. */
  readonly pulls: boolean
  /** Where to look for an image, in this order. Throws an `ImageProblem`. */
  readonly endpoints: (image: RegistryReference) => ReadonlyArray<Endpoint>
  readonly credentials: (endpoint: Endpoint, signal: AbortSignal) => Promise<Credentials | undefined>
  /** Whether nobody may be asked who has this name. */
  readonly isBlocked: (host: string) => boolean
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

/** Reads images from registries, for as long as the connection is open and the signal is not aborted. */
export class RegistryImages {
  private readonly options: RegistryImagesOptions
  private readonly connection: Connection
  private readonly signal: AbortSignal
  private readonly cache: BlobCache | undefined
  private readonly documents: Documents | undefined
  private readonly tags: Tags | undefined
  private readonly clients = new Map<string, ReadonlyArray<Client>>()

  constructor(options: RegistryImagesOptions, connection: Connection, signal: AbortSignal) {
    this.options = options
    this.connection = connection
    this.signal = signal
    const { directory } = options
    this.cache = directory === undefined ? undefined : new BlobCache(`${directory}/blobs`)
    this.documents = directory === undefined ? undefined : new Documents(`${directory}/documents`)
    this.tags = directory === undefined ? undefined : new Tags(`${directory}/tags`)
  }

  /** What a name means for a platform today, or meant when it was last asked for. Throws an `ImageProblem`. */
  async resolve(image: RegistryReference, wanted: Platform.Platform): Promise<LocalImage.LocalImage> {
    this.clientsFor(image)
    let hex: string = await this.top(image)
    for (let nesting = 0; nesting < OciLayout.MAX_NESTING; nesting++) {
      const what = `the manifest sha256:${hex} of ${fullName(image)}`
      const bytes = await this.manifest(image, hex)
      if (Schemas.shapeOf(bytes, what) === "manifest") return await this.load(image, Digest.make(hex), wanted)
      const { manifests } = Schemas.decode(Schemas.Index, bytes, what)
      hex = Schemas.hex(OciLayout.suitable(fullName(image), manifests, wanted).digest)
    }
    throw problem(`the indexes of ${fullName(image)} are nested more than ${OciLayout.MAX_NESTING} deep`)
  }

  /** For layers that are to be read: they begin to arrive at once. */
  downloads(grown: (written: number) => void): Downloads {
    if (this.cache === undefined) throw problem("this store keeps no images: it has no place for them")
    return new Downloads(this.cache, this.signal, grown)
  }

  /** Writes down what was found out while that could not be done. */
  keepFindings(): void {
    const { documents, tags } = this.options.findings
    for (const [hex, bytes] of documents) this.writing(() => this.documents?.put(hex, bytes))
    for (const [name, digest] of tags) this.writing(() => this.tags?.set(name, digest))
  }

  /** The image with this manifest. Throws an `ImageProblem`. */
  async load(
    image: RegistryReference,
    digest: Digest,
    wanted: Platform.Platform,
    use?: {
      readonly downloads: Downloads
      readonly maxBytes: number
      /** Is told how many bytes are on their way. */
      readonly begun: (bytes: number) => void
    }
  ): Promise<LocalImage.LocalImage> {
    // Before what is known already is used: its registry may have been blocked since.
    this.clientsFor(image)
    const where = fullName(image)
    const manifest = OciLayout.manifestIn(
      await this.manifest(image, digest),
      `the manifest sha256:${digest} of ${where}`
    )
    const config = { bytes: await this.config(image, manifest.config), name: `the configuration of ${where}` }
    const layers = (manifest.layers ?? []).map((descriptor) => {
      const blob: Blob = {
        hex: Schemas.hex(descriptor.digest),
        size: descriptor.size,
        name: `the layer ${descriptor.digest} of ${where}`
      }
      return { blob, descriptor, places: this.placesOf(image, descriptor) }
    })
    const total = layers.reduce((sum, { blob }) => sum + blob.size, 0)
    if (use !== undefined && total > use.maxBytes) {
      throw problem(`the layers of ${where} have ${total} bytes together, and at most ${use.maxBytes} are unpacked`)
    }
    const begun = layers.filter(({ blob, places }) => use?.downloads.start(blob, places))
    use?.begun(begun.reduce((sum, { blob }) => sum + blob.size, 0))
    const sources = layers.map(({ blob, descriptor }) => ({
      name: blob.name,
      descriptor,
      read: (signal: AbortSignal) => use?.downloads.read(blob, signal) ?? unread()
    }))
    return LocalImage.make(digest, config, sources, wanted, where)
  }

  /** One layer's bytes; it is fetched if it is not here. */
  layer(
    image: RegistryReference,
    descriptor: Schemas.Descriptor,
    { begun, downloads }: { readonly downloads: Downloads; readonly begun: (bytes: number) => void },
    signal: AbortSignal
  ): ByteSource.ByteSource {
    const { digest, size } = descriptor
    const blob: Blob = { hex: Schemas.hex(digest), size, name: `the layer ${digest} of ${fullName(image)}` }
    if (downloads.start(blob, this.placesOf(image, descriptor))) begun(size)
    return downloads.read(blob, signal)
  }

  /** The digest that a name stands for: of a manifest, or of an index. Throws an `ImageProblem`. */
  async top(image: RegistryReference): Promise<Digest> {
    const { digest } = image
    if (Option.isSome(digest)) {
      if (digest.value.startsWith("sha256:")) return Digest.make(Schemas.hex(digest.value))
      throw problem(`${digest.value} is no digest of SHA-256, and no other is supported`)
    }
    const name = fullName(image)
    const { findings, pulls } = this.options
    // In one build a name means one thing.
    const known = findings.tags.get(name) ?? (pulls ? undefined : this.tags?.get(name))
    if (known !== undefined) return known
    const tag = Option.getOrElse(image.tag, () => "latest")
    const bytes = await this.anywhere(image, async (client) => {
      const found = await client.manifest(tag)
      // A mirror may have a page for people there.
      Schemas.shapeOf(found, `the manifest ${tag} of ${client.name}`)
      return found
    })
    const hex = digestOf(bytes)
    this.keep(hex, bytes)
    findings.tags.set(name, hex)
    this.writing(() => this.tags?.set(name, hex))
    return hex
  }

  private async manifest(image: RegistryReference, hex: string): Promise<Buffer> {
    const what = `the manifest sha256:${hex} of ${fullName(image)}`
    return await this.document(hex, () =>
      this.anywhere(image, async (client) => checked(await client.manifest(`sha256:${hex}`), hex, what))
    )
  }

  private async config(image: RegistryReference, { digest, size }: Schemas.Descriptor): Promise<Buffer> {
    const hex = Schemas.hex(digest)
    const what = `the configuration ${digest} of ${fullName(image)}`
    const limit = Math.min(size, OciLayout.MAX_DOCUMENT)
    return await this.document(hex, () =>
      this.anywhere(image, async (client) =>
        checked(await ByteSource.collect(client.blob(digest, size, 0), limit, what), hex, what)
      )
    )
  }

  /** `fetch` gives what has this digest. */
  private async document(hex: string, fetch: () => Promise<Buffer>): Promise<Buffer> {
    const known = this.options.findings.documents.get(hex) ?? this.documents?.get(hex)
    if (known !== undefined) return known
    const bytes = await fetch()
    this.keep(hex, bytes)
    return bytes
  }

  private keep(hex: string, bytes: Buffer): void {
    this.options.findings.documents.set(hex, bytes)
    this.writing(() => this.documents?.put(hex, bytes))
  }

  /** What is not kept is asked for again. */
  private writing(work: () => void): void {
    if (!this.options.writes) return
    try {
      work()
    } catch (error) {
      if (!isSystemError(error)) throw error
    }
  }

  private placesOf(image: RegistryReference, { digest, size }: Schemas.Descriptor): ReadonlyArray<Place> {
    return this.clientsFor(image).map(
      (client) =>
        async function* (from) {
          try {
            yield* client.blob(digest, size, from)
          } catch (error) {
            throw error instanceof NotThere ? absent(image, error) : error
          }
        }
    )
  }

  private async anywhere<A>(image: RegistryReference, ask: (client: Client) => Promise<A>): Promise<A> {
    const failures: Array<unknown> = []
    for (const client of this.clientsFor(image)) {
      try {
        return await ask(client)
      } catch (error) {
        failures.push(this.passing(error))
      }
    }
    throw summary(image, failures)
  }

  /** A failure that another place may not have; throws any other. */
  private passing(error: unknown): unknown {
    if (this.signal.aborted || !(error instanceof NotThere || error instanceof ImageProblem)) throw error
    return error
  }

  private clientsFor(image: RegistryReference): ReadonlyArray<Client> {
    const key = `${image.domain}/${image.repository} ${Option.isSome(image.digest) ? "pinned" : ""}`
    const known = this.clients.get(key)
    if (known !== undefined) return known
    const { credentials, endpoints, isBlocked, pause } = this.options
    const made = endpoints(image).map(
      (endpoint) =>
        new Client({
          purpose: "read",
          connection: this.connection,
          endpoint,
          credentials: (signal) => credentials(endpoint, signal),
          isBlocked,
          pause,
          signal: this.signal
        })
    )
    this.clients.set(key, made)
    return made
  }
}

/** What the place said that is asked last, which is the image's own. */
const summary = (image: RegistryReference, failures: ReadonlyArray<unknown>): unknown => {
  const last = failures.at(-1)
  return last instanceof NotThere
    ? absent(image, last)
    : (last ?? problem(`there is nowhere to look for ${fullName(image)}`))
}

const absent = (image: RegistryReference, cause: NotThere): ImageProblem =>
  problem(`there is no ${fullName(image)}`, "look at its name and its tag", cause)

/** Of an image that was only looked at. */
async function* unread(): ByteSource.ByteSource {}

/** The bytes, if they have this digest. */
const checked = (bytes: Buffer, hex: string, what: string): Buffer => {
  const digest = digestOf(bytes)
  if (digest === hex) return bytes
  throw problem(`${what} has the digest sha256:${digest}`, "the registry is broken, or does not tell the truth")
}

const digestOf = (bytes: Uint8Array): Digest => Digest.make(createHash("sha256").update(bytes).digest("hex"))
