/**
 * What the notes beside results say: see `NoteName`. Nobody's id depends on them.
 *
 * They are this program's own, in directories that are root's alone: what can be
 * read of one is taken at its word, without a schema, which would have to be made
 * at every start.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Digest, StepId } from "../domain/Digest.ts"
import type { KeptItem } from "../domain/ManifestNote.ts"
import type { Settings, Step } from "../plan/Plan.ts"
import type { NoteName, StoreError, StoreService } from "./Store.ts"

/** A layer of an image, as a manifest names it. */
export interface LayerDescriptor {
  readonly mediaType: string
  /** `sha256:…`, of the bytes as they are. */
  readonly digest: string
  /** Bytes. */
  readonly size: number
  /** `sha256:…`, of the tar inside. */
  readonly diffId: string
}

/** What has to be known of a base by who makes an image of what is built on it. */
export interface BaseOrigin {
  /** What relative paths in its reference are relative to: an absolute path. */
  readonly directory: string
  /** The configuration of its image, as it is; null where it is no image. */
  readonly configuration: string | null
  /** From the lowest up; null where they cannot be had again as they are. */
  readonly layers: ReadonlyArray<LayerDescriptor> | null
}

/** What made a result. */
export interface Recipe {
  readonly version: 1
  /** As the plan had it that it was made for. */
  readonly step: Step
  /** When that was begun, in milliseconds since 1970. */
  readonly begun: number
  /** Of a base. */
  readonly base: BaseOrigin | null
  /** Of a copy: what was copied, and from which result if not from the source directory. */
  readonly copied: { readonly digest: Digest; readonly from: StepId | null } | null
}

/** How a stage's result is to be run, as the last build says that had it. */
export interface Usage {
  readonly version: 1
  /** The planned id of the stage's last step. */
  readonly planned: StepId
  readonly settings: Settings
  /** What the base is called, and what relative paths in that are relative to. */
  readonly base: { readonly reference: string; readonly directory: string } | null
}

/** The layers that were made of a result, by the way they were made; null for one that has nothing in it. */
export interface Layers {
  readonly version: 1
  readonly made: Readonly<Record<string, LayerDescriptor | null>>
}

/** What a copy copied, to tell later which files are other. */
export interface Copied {
  readonly version: 1
  readonly items: ReadonlyArray<KeptItem>
}

interface Texts {
  readonly recipe: Recipe
  readonly settings: Usage
  readonly layers: Layers
  readonly manifest: Copied
}

export const text = <N extends NoteName>(_name: N, note: Texts[N]): string => JSON.stringify(note)

/** None where there is none that can be read: it was damaged, or written by another version. */
export const read = <N extends NoteName>(
  store: Pick<StoreService, "note">,
  id: StepId,
  name: N
): Effect.Effect<Option.Option<Texts[N]>, StoreError> =>
  Effect.map(
    store.note(id, name),
    Option.flatMap((text) => decode<Texts[N]>(text))
  )

const decode = <A extends { readonly version: 1 }>(text: string): Option.Option<A> => {
  try {
    const value = JSON.parse(text) as A | null
    return value?.version === 1 ? Option.some(value) : Option.none()
  } catch {
    return Option.none()
  }
}
