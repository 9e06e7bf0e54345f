/** The layer of an image on its way: in a file without a name, with its digests. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { createHash } from "node:crypto"
import { once } from "node:events"
import * as Fs from "node:fs"
import type { Gzip } from "node:zlib"
import * as ByteSource from "../base/ByteSource.ts"
import { explain, type ImageProblem } from "../base/ImageProblem.ts"
import * as NamelessFile from "../host/NamelessFile.ts"
import type { LayerDescriptor } from "../Notes.ts"
import { layerType } from "./MediaTypes.ts"

export type Compression = "gzip" | "none"

/** zlib's own default: what other programs for images take. */
const LEVEL = 6

/** Names what the bytes of a layer depend on besides its tar. */
export const manner = (compression: Compression): string =>
  compression === "none" ? compression : `gzip -${LEVEL} of zlib ${process.versions["zlib"]}`

export interface LayerFile {
  readonly descriptor: LayerDescriptor
  /** May be called often, as long as the scope is open. */
  readonly read: () => ByteSource.ByteSource
}

/** Bytes that are compressed at a time: a tar comes in small pieces. */
const PIECE = 256 * 1024

/**
 * Makes the file of a layer whose tar `fill` writes; none where that says that
 * there is none. `directory` is where the file is to be.
 */
export const make = <E, R>(
  directory: string,
  compression: Compression,
  fill: (write: (chunk: Uint8Array) => Effect.Effect<void>) => Effect.Effect<boolean, E, R>
): Effect.Effect<Option.Option<LayerFile>, E | ImageProblem, R | Scope.Scope> =>
  Effect.gen(function* () {
    const { fd } = yield* Effect.acquireRelease(
      failing(directory, () => NamelessFile.open(directory)),
      (open) => Effect.promise(() => open.close())
    )
    const writer = yield* Effect.acquireRelease(
      failing(directory, () => Writer.make(fd, compression)),
      (open) => Effect.sync(() => open.dispose())
    )
    const broken = yield* Deferred.make<never, ImageProblem>()
    const write = (chunk: Uint8Array): Effect.Effect<void> =>
      failing(directory, () => writer.write(chunk)).pipe(
        Effect.catchAll((problem) => Effect.zipRight(Deferred.fail(broken, problem), Effect.never))
      )
    const isThere = yield* Effect.raceFirst(fill(write), Deferred.await(broken))
    if (!isThere) return Option.none()
    const descriptor = yield* failing(directory, () => writer.end())
    return Option.some({ descriptor, read: () => ByteSource.within(fd, 0) })
  })

const failing = <A>(directory: string, body: () => Promise<A>): Effect.Effect<A, ImageProblem> =>
  Effect.catchAll(Effect.tryPromise({ try: body, catch: (cause) => cause }), (cause) =>
    explain(`cannot write a temporary file in ${directory} (TMPDIR names another place)`, cause)
  )

class Writer {
  private readonly fd: number
  private readonly compression: Compression
  private readonly gzip: Gzip | undefined
  /** Ends when all that was compressed is in the file. */
  private readonly writing: Promise<void>
  private readonly tarHash = createHash("sha256")
  private readonly fileHash = createHash("sha256")
  private pending: Array<Uint8Array> = []
  private pendingSize = 0
  private size = 0

  private constructor(fd: number, compression: Compression, gzip: Gzip | undefined) {
    this.fd = fd
    this.compression = compression
    this.gzip = gzip
    this.writing = gzip === undefined ? Promise.resolve() : this.drain(gzip)
    // It is looked at when there is more to write.
    this.writing.catch(() => undefined)
  }

  static async make(fd: number, compression: Compression): Promise<Writer> {
    if (compression === "none") return new Writer(fd, compression, undefined)
    const { createGzip } = await import("node:zlib")
    return new Writer(fd, compression, createGzip({ level: LEVEL, chunkSize: PIECE }))
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.pending.push(chunk)
    this.pendingSize += chunk.length
    if (this.pendingSize >= PIECE) await this.flush()
  }

  async end(): Promise<LayerDescriptor> {
    await this.flush()
    this.gzip?.end()
    await this.writing
    return {
      mediaType: layerType(this.compression),
      digest: `sha256:${this.fileHash.digest("hex")}`,
      size: this.size,
      diffId: `sha256:${this.tarHash.digest("hex")}`
    }
  }

  dispose(): void {
    this.gzip?.destroy()
  }

  private async flush(): Promise<void> {
    const piece = Buffer.concat(this.pending)
    this.pending = []
    this.pendingSize = 0
    this.tarHash.update(piece)
    if (this.gzip === undefined) return this.put(piece)
    if (this.gzip.write(piece)) return
    // A file that cannot be written to ends this too.
    await Promise.race([once(this.gzip, "drain"), this.writing])
  }

  private async drain(gzip: Gzip): Promise<void> {
    for await (const chunk of gzip) if (chunk instanceof Uint8Array) this.put(chunk)
  }

  private put(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;)
      done += Fs.writeSync(this.fd, bytes, done, bytes.length - done, this.size + done)
    this.fileHash.update(bytes)
    this.size += bytes.length
  }
}
