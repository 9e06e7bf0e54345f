/** Unpacks the tars of a base into a directory, and checks what they were. */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import type { ByteSource } from "./ByteSource.ts"
import { decompressed } from "./Decompress.ts"
import { attempt, explain, type ImageProblem, problem } from "./ImageProblem.ts"
import { LayerWriter } from "./LayerWriter.ts"
import { TarReader } from "./TarReader.ts"

/** What no honest base reaches; against archives that are small and unpack to fill a disk. */
export interface UnpackLimits {
  /** Bytes of all layers' tars together. */
  readonly maxBytes: number
  /** Entries of all layers together. */
  readonly maxEntries: number
}

export const defaultLimits: UnpackLimits = { maxBytes: 64 * 1024 ** 3, maxEntries: 10_000_000 }

/** One tar to be unpacked, compressed or not. */
export interface Source {
  /** For messages. */
  readonly name: string
  /** Reading to the end fails if the bytes are not those that they should be; waiting for them ends with the signal. */
  readonly read: (signal: AbortSignal) => ByteSource
  /** The SHA-256 of the tar when decompressed, in hexadecimal digits, where it is known. */
  readonly diffId?: string
}

/**
 * Applies the sources to `root`, an existing empty directory, in order. `kind`
 * says whether they are an image's layers, with whiteouts, or plain tars. On
 * failure the directory holds a part of them, to be thrown away.
 */
export const unpackLayers = (
  sources: ReadonlyArray<Source>,
  kind: "layers" | "tar",
  root: string,
  limits: UnpackLimits
): Effect.Effect<void, ImageProblem> =>
  Effect.acquireUseRelease(
    attempt(`cannot prepare ${root}`, async () => new LayerWriter({ root, maxEntries: limits.maxEntries })),
    (writer) => {
      const budget = { left: limits.maxBytes, limit: limits.maxBytes }
      const apply = Effect.forEach(
        sources,
        (source, index) => {
          writer.begin(kind === "tar" ? "tar" : index === 0 ? "lowest" : "layer")
          return attempt(`cannot unpack ${source.name}`, (signal) => applySource(source, writer, budget, signal))
        },
        { discard: true }
      )
      const finish = Effect.try({ try: () => writer.finish(), catch: (cause) => cause }).pipe(
        Effect.catchAll((cause) => explain(`cannot finish ${root}`, cause))
      )
      return Effect.zipRight(apply, finish)
    },
    (writer) => Effect.sync(() => writer.dispose())
  )

/** Shared by all sources of one base. */
interface Budget {
  left: number
  readonly limit: number
}

const applySource = async (source: Source, writer: LayerWriter, budget: Budget, signal: AbortSignal): Promise<void> => {
  const hash = createHash("sha256")
  const reader = new TarReader(writer)
  for await (const chunk of decompressed(source.read(signal), source.name)) {
    if (signal.aborted) return
    budget.left -= chunk.length
    if (budget.left < 0) {
      throw problem(`the base unpacks to more than ${budget.limit} bytes`, "raise the limit if that is meant")
    }
    hash.update(chunk)
    reader.write(chunk)
  }
  reader.end()
  const diffId = hash.digest("hex")
  if (source.diffId !== undefined && source.diffId !== diffId) {
    throw problem(
      `${source.name} unpacks to sha256:${diffId}, and its image's configuration says sha256:${source.diffId}`,
      "it is damaged or was changed: make or copy it again"
    )
  }
}
