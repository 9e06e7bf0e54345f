/** The files of an OCI image layout (image-spec 1.1, `image-layout.md`) besides its blobs. */
import * as Option from "effect/Option"
import * as Schemas from "../base/ImageSchemas.ts"
import { descriptorOf, type Document } from "./ImageDocuments.ts"
import * as MediaTypes from "./MediaTypes.ts"

export const LAYOUT = `${JSON.stringify({ imageLayoutVersion: "1.0.0" })}\n`

/** Where a layout has a blob. `digest` is `sha256:…`. */
export const blobPath = (digest: string): string => `blobs/${digest.replace(":", "/")}`

/** A line of `index.json`. What it says besides is kept as it is. */
export interface Listed {
  readonly mediaType?: string | undefined
  readonly digest: string
  readonly annotations?: Readonly<Record<string, string>> | null | undefined
}

export const listed = (
  document: Document,
  name: Option.Option<string>,
  more: Readonly<Record<string, unknown>> = {}
): Listed => ({
  ...descriptorOf(document),
  ...more,
  ...Option.match(name, {
    onNone: () => ({}),
    onSome: (text) => ({ annotations: { [Schemas.annotationOfName]: text } })
  })
})

/** An index that is there, as it is: what others wrote there stays. */
export interface IndexDocument {
  readonly manifests: ReadonlyArray<Listed>
}

/** Throws an `ImageProblem` where it is none. */
export const indexIn = (bytes: Uint8Array, what: string): IndexDocument => {
  Schemas.decode(Schemas.Index, bytes, what)
  return JSON.parse(Buffer.from(bytes).toString("utf8"))
}

export const newIndex: IndexDocument = { manifests: [] }

/** The index with more images: each takes the place of one with the same name, or the same digest and no name. */
export const index = (before: IndexDocument, added: ReadonlyArray<Listed>): string => {
  const nameOf = ({ annotations }: Listed): string | undefined => annotations?.[Schemas.annotationOfName]
  const isReplaced = (old: Listed): boolean =>
    added.some((one) =>
      nameOf(one) === undefined ? nameOf(old) === undefined && old.digest === one.digest : nameOf(old) === nameOf(one)
    )
  const manifests = [...before.manifests.filter((old) => !isReplaced(old)), ...added]
  return JSON.stringify({ ...before, schemaVersion: 2, mediaType: MediaTypes.INDEX, manifests })
}
