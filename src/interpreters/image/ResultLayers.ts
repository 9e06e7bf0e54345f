/** The layers of a result's image, of which nothing is made before somebody opens one. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { StepId } from "../../domain/Digest.ts"
import type { RegistryReference } from "../../domain/ImageReference.ts"
import type { ByteSource } from "../base/ByteSource.ts"
import { decompressed } from "../base/Decompress.ts"
import { type ImageProblem, problem } from "../base/ImageProblem.ts"
import type { BaseImagesService, ReadLayer } from "../BaseImages.ts"
import * as Notes from "../Notes.ts"
import type { LayerDescriptor } from "../Notes.ts"
import * as Shared from "../Shared.ts"
import type { StoreError, StoreService, UnknownId } from "../Store.ts"
import { drain } from "./Draining.ts"
import type { ImageOptions } from "./ImageOptions.ts"
import * as LayerFile from "./LayerFile.ts"
import type { History, Place } from "./ResultHistory.ts"

export type Failure = StoreError | UnknownId | ImageProblem

/** A layer of the image, which may turn out to be empty. */
export interface Layer {
  /** What it will be, if that is known; none for one that is empty. */
  readonly expected: Effect.Effect<Option.Option<Option.Option<LayerDescriptor>>, StoreError>
  /** Its bytes, to be read as often as one likes while the scope is open. */
  readonly open: Effect.Effect<Option.Option<OpenLayer>, Failure, Scope.Scope>
  /** The repository that a base's layer is from. */
  readonly origin: Option.Option<RegistryReference>
}

export interface OpenLayer {
  readonly descriptor: LayerDescriptor
  readonly read: (signal: AbortSignal) => ByteSource
}

export interface Request {
  readonly store: StoreService
  readonly images: BaseImagesService
  /** Where layers are while they are made, in files without names. */
  readonly directory: string
  /** Whether layers are compressed, those of a base as they always were, or plain tars. */
  readonly compression: LayerFile.Compression
}

/** The layers of a base, as they are, or as tars. They can be read as long as the scope is open. */
export const ofBase = (
  { compression, directory, images }: Request,
  { places, step }: History["base"],
  from: Option.Option<RegistryReference>,
  layers: ReadonlyArray<LayerDescriptor>
): Effect.Effect<ReadonlyArray<Layer>, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => {
    const [first, ...others] = places
    const readingAt = (place: Place) => images.layers(place.reference, step, place.directory)
    // What cannot be had where it is said to be now may be where it was.
    const reading: Effect.Effect<ReadLayer, ImageProblem, Scope.Scope> = Effect.mapError(
      others.reduce(
        (before, next) => Effect.catchAll(before, (failure) => Effect.mapError(readingAt(next), () => failure)),
        readingAt(first)
      ),
      ({ cause, hint, message, reference }) =>
        problem(`cannot read the base ${reference}: ${message}`, Option.getOrUndefined(hint), cause)
    )
    const reader = Shared.make(reading, scope)
    return layers.map((descriptor): Layer => {
      const opened = Effect.map(reader, (read) => (signal: AbortSignal) => read(descriptor, signal))
      return compression === "none"
        ? {
            origin: Option.none(),
            expected: Effect.succeedNone,
            open: Effect.flatMap(opened, (read) => tarOf(directory, descriptor, read))
          }
        : {
            origin: from,
            expected: Effect.succeedSome(Option.some(descriptor)),
            open: Effect.map(opened, (read) => Option.some({ descriptor, read }))
          }
    })
  })

/** A layer that may be compressed, as a tar, checked against what the image's configuration says of it. */
const tarOf = (
  directory: string,
  { diffId, digest }: LayerDescriptor,
  read: (signal: AbortSignal) => ByteSource
): Effect.Effect<Option.Option<OpenLayer>, ImageProblem, Scope.Scope> =>
  LayerFile.make(directory, "none", (write) =>
    Effect.as(
      drain(`cannot read the layer ${digest}`, (signal) => decompressed(read(signal), `the layer ${digest}`), write),
      true
    )
  ).pipe(
    Effect.filterOrFail(
      (made) => Option.exists(made, ({ descriptor }) => descriptor.diffId === diffId),
      () => problem(`the layer ${digest} does not unpack to ${diffId}`, "the base is damaged: fetch it again")
    )
  )

/** The layer of a step, or of all of a result. */
export const ofResult = (
  { compression, directory, store }: Request,
  id: StepId,
  { epoch, squash }: ImageOptions
): Layer => {
  const manner = [
    squash ? "all" : "step",
    LayerFile.manner(compression),
    ...Option.toArray(Option.map(epoch, (latest) => `until ${latest}`))
  ].join(", ")
  const known = Notes.read(store, id, "layers")
  const remember = (made: LayerDescriptor | null): Effect.Effect<void, StoreError> =>
    Effect.flatMap(known, (note) => {
      const before = Option.match(note, { onNone: () => ({}), onSome: ({ made }) => made })
      return store.annotate(id, "layers", Notes.text("layers", { version: 1, made: { ...before, [manner]: made } }))
    })
  return {
    origin: Option.none(),
    expected: Effect.map(
      known,
      Option.flatMap(({ made }) => {
        const layer = made[manner]
        return layer === undefined ? Option.none() : Option.some(Option.fromNullable(layer))
      })
    ),
    open: LayerFile.make(directory, compression, (write) =>
      store.layer(id, write, { whole: squash, latest: epoch })
    ).pipe(
      Effect.tap((made) => Effect.ignore(remember(Option.getOrNull(Option.map(made, ({ descriptor }) => descriptor)))))
    )
  }
}
