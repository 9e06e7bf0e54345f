/** The layer of an image on its way: in a file without a name, with its digests. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { createHash } from "node:crypto"
import * as ByteSource from "../base/ByteSource.ts"
import { explain, type ImageProblem } from "../base/ImageProblem.ts"
import { inWords } from "./NewDirectory.ts"
import * as NamelessFile from "../host/NamelessFile.ts"
import { writeAll } from "../host/WriteAll.ts"
import type { LayerDescriptor } from "../Notes.ts"
import { layerType } from "./MediaTypes.ts"

export type Compression = "gzip" | "none"

/** zlib's default of 6 takes two thirds more time for three hundredths of the size. */
const LEVEL = 4

/**
 * Bytes that are compressed as one. A file of gzip may have many members, and all
 * that reads gzip reads those; each is made by itself, on any processor.
 */
const PIECE = 1024 * 1024

/** Pieces that are compressed at the same time: the threads that Node has for that. */
const AT_ONCE = 4

/** Names what the bytes of a layer depend on besides its tar. */
export const manner = (compression: Compression): string =>
  compression === "none" ? compression : `gzip -${LEVEL} of zlib ${process.versions["zlib"]}, members of ${PIECE}`

export interface LayerFile {
  readonly descriptor: LayerDescriptor
  /** May be called often, as long as the scope is open. */
  readonly read: () => ByteSource.ByteSource
}

/**
 * Makes the file of a layer whose tar `fill` writes; none where that says that
 * there is none. `directory` is where the file is to be.
 */
export const make = <E, R>(
  directory: string,
  compression: Compression,
  fill: (write: (chunk: Uint8Array) => Effect.Effect<void, ImageProblem>) => Effect.Effect<boolean, E, R>
): Effect.Effect<Option.Option<LayerFile>, E | ImageProblem, R | Scope.Scope> =>
  Effect.gen(function* () {
    const { fd } = yield* Effect.acquireRelease(
      failing(directory, () => NamelessFile.open(directory)),
      (open) => Effect.promise(() => open.close())
    )
    const writer = yield* failing(directory, () => Writer.make(fd, compression))
    const isThere = yield* fill((chunk) => failing(directory, () => writer.write(chunk)))
    if (!isThere) return Option.none()
    const descriptor = yield* failing(directory, () => writer.end())
    return Option.some({ descriptor, read: () => ByteSource.within(fd, 0) })
  })

const failing = <A>(directory: string, body: () => Promise<A>): Effect.Effect<A, ImageProblem> =>
  Effect.catchAll(Effect.tryPromise({ try: body, catch: (cause) => cause }), (cause) =>
    explain(`cannot write a temporary file in ${directory}`, inWords(`a temporary file in ${directory}`, cause))
  )

class Writer {
  private readonly fd: number
  private readonly compression: Compression
  private readonly compress: Compress
  private readonly tarHash = createHash("sha256")
  private readonly fileHash = createHash("sha256")
  private pending: Array<Uint8Array> = []
  private pendingSize = 0
  /** Pieces that are being compressed, in their order. */
  private readonly under: Array<Promise<Uint8Array>> = []
  private size = 0

  private constructor(fd: number, compression: Compression, compress: Compress) {
    this.fd = fd
    this.compression = compression
    this.compress = compress
  }

  static async make(fd: number, compression: Compression): Promise<Writer> {
    return new Writer(fd, compression, compression === "none" ? async (piece) => piece : await gzip())
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + PIECE - this.pendingSize)
      this.pending.push(part)
      this.pendingSize += part.length
      at += part.length
      if (this.pendingSize === PIECE) await this.flush()
    }
  }

  async end(): Promise<LayerDescriptor> {
    if (this.pendingSize > 0) await this.flush()
    while (this.under.length > 0) await this.putFirst()
    return {
      mediaType: layerType(this.compression),
      digest: `sha256:${this.fileHash.digest("hex")}`,
      size: this.size,
      diffId: `sha256:${this.tarHash.digest("hex")}`
    }
  }

  private async flush(): Promise<void> {
    const piece = Buffer.concat(this.pending)
    this.pending = []
    this.pendingSize = 0
    this.tarHash.update(piece)
    const compressed = this.compress(piece)
    // It is waited for when it is its turn.
    compressed.catch(() => undefined)
    this.under.push(compressed)
    if (this.under.length >= AT_ONCE) await this.putFirst()
  }

  private async putFirst(): Promise<void> {
    const bytes = await this.under.shift()
    if (bytes === undefined) return
    writeAll(this.fd, bytes, this.size)
    this.fileHash.update(bytes)
    this.size += bytes.length
  }
}

type Compress = (piece: Uint8Array) => Promise<Uint8Array>

const gzip = async (): Promise<Compress> => {
  const zlib = await import("node:zlib")
  return (piece) =>
    new Promise((resolve, reject) => {
      zlib.gzip(piece, { level: LEVEL }, (error, bytes) => (error === null ? resolve(bytes) : reject(error)))
    })
}
