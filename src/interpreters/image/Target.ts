/** Where an image goes, and how it gets there. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { ImageProblem } from "../base/ImageProblem.ts"
import type { LayerDescriptor } from "../Notes.ts"
import type { Documents } from "./ImageDocuments.ts"
import type { Failure, Layer, OpenLayer, ResultImage } from "./ResultImage.ts"

export interface Target {
  /** Whether a layer need not be brought: it is there, or could be had without that. */
  readonly has: (descriptor: LayerDescriptor, origin: Layer["origin"]) => Effect.Effect<boolean, ImageProblem>
  /** Brings a layer. One that is there already may be brought again. */
  readonly put: (layer: OpenLayer) => Effect.Effect<void, ImageProblem>
  /** Brings the image's own documents, when all layers are there. */
  readonly finish: (documents: Documents) => Effect.Effect<void, ImageProblem>
}

/** Layers that are made, read or brought at the same time. */
export const AT_ONCE = 3

/** Brings an image somewhere. Gives its documents. */
export const bring = (image: ResultImage, target: Target): Effect.Effect<Documents, Failure> =>
  Effect.gen(function* () {
    const layers = yield* Effect.forEach(image.layers, (layer) => Effect.scoped(bringLayer(layer, target)), {
      concurrency: AT_ONCE
    })
    const documents = image.complete(layers)
    yield* target.finish(documents)
    return documents
  })

const bringLayer = (
  layer: Layer,
  target: Target
): Effect.Effect<Option.Option<LayerDescriptor>, Failure, Scope.Scope> =>
  Effect.gen(function* () {
    const expected = yield* layer.expected
    if (Option.isSome(expected)) {
      if (Option.isNone(expected.value)) return Option.none()
      if (yield* target.has(expected.value.value, layer.origin)) return expected.value
    }
    const opened = yield* layer.open
    if (Option.isNone(opened)) return Option.none()
    const { descriptor } = opened.value
    if (Option.isSome(expected) || !(yield* target.has(descriptor, layer.origin))) yield* target.put(opened.value)
    return Option.some(descriptor)
  })
