/** What a Dockerfile comes to. */
import type { ImageSettings } from "../ImageSettings.ts"
import type { Variable } from "../Inputs.ts"
import type { Span } from "../Span.ts"
import type { Spec } from "../Spec.ts"

/** Something that is otherwise than with Docker, or that a user may not expect. */
export interface Note {
  readonly span: Span
  readonly message: string
  readonly hint?: string | undefined
  /** It holds for the files that are there today, and a text of the spec says so as well. */
  readonly isOfToday?: true
}

/** What Docker would say of an image of the result. */
export interface ImportedImage {
  readonly settings: ImageSettings
  /** What ENV has set; build arguments are not in it. */
  readonly environment: ReadonlyArray<Variable>
  /** Absolute. */
  readonly workdir: string | undefined
}

/** Its first four fields are those of a `ParsedSpec`, with the Dockerfile as the text. */
export interface Imported {
  readonly spec: Spec
  readonly file: string
  readonly text: string
  /** Of the operations, specs and nested builds of `spec`, by identity. */
  readonly spans: ReadonlyMap<object, Span>
  readonly image: ImportedImage
  readonly notes: ReadonlyArray<Note>
}
