/** An image on its way into a registry. */
import type * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { RegistryReference } from "../../domain/ImageReference.ts"
import { attempt, type ImageProblem } from "../base/ImageProblem.ts"
import type { Document } from "../image/ImageDocuments.ts"
import * as MediaTypes from "../image/MediaTypes.ts"
import * as Layout from "../image/OciLayoutFiles.ts"
import type { Attestation } from "../image/Provenance.ts"
import type { Target } from "../image/Target.ts"
import type { RepositoryWriter } from "./RepositoryWriter.ts"

export interface Pushing extends Target {
  /** Puts something beside the image, when that is there. */
  readonly attach: (attestation: Attestation, subject: Document) => Effect.Effect<void, ImageProblem>
}

/** Told bytes that have gone, and that there are to go: of those that the registry does not have. */
export interface Tell {
  readonly gone: (bytes: number) => void
  readonly more: (bytes: number) => void
}

export interface PushingOptions {
  readonly writer: RepositoryWriter
  readonly tag: string
  /** For messages. */
  readonly name: string
  /** The repository beside this one that an image is in, if it is in the same registry. */
  readonly neighbour: (image: RegistryReference) => Option.Option<string>
  readonly tell: Tell
  /** Ends all that is under way: a push that is interrupted in one place is over. */
  readonly giveUp: () => void
}

export const make = ({ giveUp, name, neighbour, tag, tell, writer }: PushingOptions): Pushing => {
  const doing = <A>(work: (signal: AbortSignal) => Promise<A>) =>
    attempt(`cannot push ${name}`, async (signal) => {
      signal.addEventListener("abort", giveUp)
      return await work(signal)
    })
  const putDocument = async ({ bytes, digest }: Document): Promise<void> => {
    if (await writer.has(digest)) return
    await writer.put({
      digest,
      size: bytes.length,
      read: async function* () {
        yield Buffer.from(bytes)
      }
    })
  }
  return {
    has: ({ digest }, origin) =>
      doing(async () => {
        if (await writer.has(digest)) return true
        const from = Option.flatMap(origin, neighbour)
        return Option.isSome(from) && (await writer.mount(digest, from.value))
      }),
    put: ({ descriptor: { digest, size }, read }) =>
      doing(async (signal) => {
        tell.more(size)
        let gone = 0
        await writer.put({
          digest,
          size,
          read: async function* () {
            // From the beginning again.
            if (gone > 0) tell.gone(-gone)
            gone = 0
            for await (const chunk of read(signal)) {
              yield chunk
              gone += chunk.length
              tell.gone(chunk.length)
            }
          }
        })
      }),
    finish: ({ config, manifest }) =>
      doing(async () => {
        await putDocument(config)
        await writer.manifest(tag, manifest.mediaType, manifest.bytes)
      }),
    attach: ({ artifactType, documents, manifest }, subject) =>
      doing(async () => {
        for (const one of documents) if (one !== manifest) await putDocument(one)
        if (await writer.manifest(manifest.digest, manifest.mediaType, manifest.bytes)) return
        await list(writer, subject, Layout.listed(manifest, Option.none(), { artifactType }))
      })
  }
}

/** For registries without an API for referrers: distribution-spec's "Referrers Tag Schema". */
const list = async (writer: RepositoryWriter, subject: Document, added: Layout.Listed): Promise<void> => {
  const tag = subject.digest.replace(":", "-")
  const bytes = await writer.read(tag)
  const old = bytes === undefined ? Layout.newIndex : Layout.indexIn(bytes, `the index ${tag}`)
  await writer.manifest(tag, MediaTypes.INDEX, Buffer.from(Layout.index(old, [added])))
}
