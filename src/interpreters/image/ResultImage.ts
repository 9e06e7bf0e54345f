/**
 * A result as an image: the base's layers as they are, one for each step that
 * changed something, and how it is to be run. Nothing is read or written before
 * somebody opens a layer, and of those that were made before it is known what
 * they will be.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { StepId } from "../../domain/Digest.ts"
import { fullName, parse, type RegistryReference } from "../../domain/ImageReference.ts"
import type { BaseStep, Settings } from "../../plan/Plan.ts"
import type { LayerDescriptor } from "../Notes.ts"
import * as Documents from "./ImageDocuments.ts"
import type { ImageOptions } from "./ImageOptions.ts"
import { ociLayerType } from "./MediaTypes.ts"
import * as History from "./ResultHistory.ts"
import type { Made } from "./ResultHistory.ts"
import * as Layers from "./ResultLayers.ts"
import type { Layer, Request } from "./ResultLayers.ts"

export type { Failure, Layer, OpenLayer, Request } from "./ResultLayers.ts"

export interface ResultImage {
  readonly id: StepId
  /** From the lowest up. */
  readonly layers: ReadonlyArray<Layer>
  /** The image's documents, when it is known what each of its layers is. */
  readonly complete: (layers: ReadonlyArray<Option.Option<LayerDescriptor>>) => Documents.Documents
  /** What it is made of, from the base on. */
  readonly made: ReadonlyArray<Made>
  /** The same of the results that something was copied from, as far as those are still there. */
  readonly nested: ReadonlyArray<Made>
  /** Seconds since 1970: when its base was begun to be made, and when it was. */
  readonly begun: number
  readonly created: number
  readonly settings: Settings
  readonly planned: Option.Option<StepId>
}

/** Of a result. The request's services are used, and layers can be read, as long as the scope is open. */
export const make = (
  request: Request,
  id: StepId,
  options: ImageOptions
): Effect.Effect<ResultImage, Layers.Failure, Scope.Scope> =>
  Effect.gen(function* () {
    const { store } = request
    const { base, made, planned, settings } = yield* History.read(store, id)
    const { step } = base
    const kept = options.squash ? [] : keptLayers(base)
    const entries = options.squash ? made.slice(-1) : made.slice(kept.length > 0 ? 1 : 0)
    const timeOf = (one: Made): number => Option.getOrElse(options.epoch, () => History.secondsOf(one))
    const created = made.slice(-1).map(timeOf)[0] ?? base.begun
    const facts: Documents.Facts = {
      id,
      base: {
        name: nameOf(step),
        digest: step.format === "oci" ? Option.some(step.digest) : Option.none(),
        platform: step.platform,
        environment: step.environment,
        configuration: base.origin.configuration,
        isKept: kept.length > 0
      },
      settings,
      planned,
      created,
      changes: options.changes
    }
    const below = yield* Layers.ofBase(request, base, referenceOf(step), kept)
    return {
      id,
      made,
      nested: yield* History.nestedIn(store, made),
      begun: Option.isSome(options.epoch) ? created : base.begun,
      created,
      settings,
      planned,
      layers: [...below, ...entries.map(({ info }) => Layers.ofResult(request, info.id, options))],
      complete: (layers) =>
        Documents.make(facts, [
          ...layers.slice(0, kept.length).map((layer) => ({ layer, step: Option.none() })),
          ...entries.map((one, index) => ({
            layer: Option.flatten(Option.fromNullable(layers[kept.length + index])),
            step: Option.some({ heading: one.info.heading, created: timeOf(one) })
          }))
        ])
    }
  })

/** A base's layers, where they can be had as they are. */
const keptLayers = ({ origin }: History.History["base"]): ReadonlyArray<LayerDescriptor> =>
  (origin.layers ?? []).map((layer) => ({ ...layer, mediaType: ociLayerType(layer.mediaType) }))

const referenceOf = ({ reference }: BaseStep): Option.Option<RegistryReference> =>
  Option.flatMap(Either.getRight(parse(reference)), (image) =>
    image._tag === "Registry" ? Option.some(image.image) : Option.none()
  )

/** By its tag, where it has one: its digest has a place of its own. */
const nameOf = (step: BaseStep): Option.Option<string> =>
  Option.map(referenceOf(step), (image) =>
    fullName(Option.isSome(image.tag) ? { ...image, digest: Option.none() } : image)
  )
