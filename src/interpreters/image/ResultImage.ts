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
import type { ByteSource } from "../base/ByteSource.ts"
import { decompressed } from "../base/Decompress.ts"
import { type ImageProblem, problem } from "../base/ImageProblem.ts"
import type { BaseImagesService } from "../BaseImages.ts"
import * as Notes from "../Notes.ts"
import type { BaseOrigin, LayerDescriptor, Recipe } from "../Notes.ts"
import type { ResultInfo, StoreError, StoreService, UnknownId } from "../Store.ts"
import { drain } from "./Draining.ts"
import * as Documents from "./ImageDocuments.ts"
import type { ImageOptions } from "./ImageOptions.ts"
import * as LayerFile from "./LayerFile.ts"
import { ociLayerType } from "./MediaTypes.ts"

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

/** A result that it was made of, and what made that, if it is known. */
export interface Made {
  readonly info: ResultInfo
  readonly recipe: Option.Option<Recipe>
}

export interface Request {
  readonly store: StoreService
  readonly images: BaseImagesService
  /** Where layers are while they are made, in files without names. */
  readonly directory: string
  /** Whether layers are compressed, those of a base as they always were, or plain tars. */
  readonly compression: LayerFile.Compression
}

/** Of a result. The request's services are used as long as layers are. */
export const make = (request: Request, id: StepId, options: ImageOptions): Effect.Effect<ResultImage, Failure> =>
  Effect.gen(function* () {
    const { store } = request
    const made = yield* chain(store, id)
    const usage = yield* Notes.read(store, id, "settings")
    const settings = Option.match(usage, { onNone: () => settingsOf(made), onSome: (note) => note.settings })
    const planned = Option.map(usage, (note) => note.planned)
    const [base] = made
    const step = base === undefined ? undefined : baseStep(base)
    const origin = Option.flatMapNullable(base?.recipe ?? Option.none(), (recipe) => recipe.base)
    const kept = options.squash ? [] : keptLayers(origin)
    const entries = entriesOf(made, options, kept.length > 0)
    const created = Option.getOrElse(options.epoch, () => secondsOf(made.at(-1)))
    const facts: Documents.Facts = {
      id,
      base: {
        name: nameOf(step),
        digest: step?.format === "oci" ? Option.some(step.digest) : Option.none(),
        platform: step?.platform ?? "linux/amd64",
        environment: step?.environment ?? [],
        configuration: Option.getOrNull(Option.flatMapNullable(origin, ({ configuration }) => configuration)),
        isKept: kept.length > 0
      },
      settings,
      planned,
      created,
      changes: options.changes
    }
    const own = entries.map(({ info }) => ownLayer(request, info.id, options))
    return {
      id,
      made,
      nested: yield* nestedIn(store, made),
      begun: Math.min(created, secondsOf(base)),
      created,
      settings,
      planned,
      layers: [...baseLayers(request, step, origin, kept), ...own],
      complete: (layers) =>
        Documents.make(facts, [
          ...layers.slice(0, kept.length).map((layer) => ({ layer, step: Option.none() })),
          ...entries.map((one, index) => ({
            layer: Option.flatten(Option.fromNullable(layers[kept.length + index])),
            step: Option.some({
              heading: one.info.heading,
              created: Option.match(options.epoch, { onNone: () => secondsOf(one), onSome: (epoch) => epoch })
            })
          }))
        ])
    }
  })

/** The results that one is built on, from the base on, and itself. */
const chain = (store: StoreService, id: StepId): Effect.Effect<ReadonlyArray<Made>, StoreError | UnknownId> =>
  Effect.gen(function* () {
    const found: Array<Made> = []
    for (let next: Option.Option<StepId> = Option.some(id); Option.isSome(next);) {
      const info: ResultInfo = yield* store.find(next.value)
      found.push({ info, recipe: yield* Notes.read(store, info.id, "recipe") })
      next = info.parent
    }
    return found.reverse()
  })

/** The results that are copied from, and those that they are built on; each once. */
const nestedIn = (store: StoreService, made: ReadonlyArray<Made>): Effect.Effect<ReadonlyArray<Made>, StoreError> =>
  Effect.gen(function* () {
    const found = new Map<StepId, Made>()
    const pending = [...made]
    for (let one = pending.shift(); one !== undefined; one = pending.shift()) {
      const from = Option.getOrUndefined(one.recipe)?.copied?.from ?? null
      if (from === null || found.has(from)) continue
      const others = yield* Effect.catchTag(chain(store, from), "UnknownId", () => Effect.succeed([]))
      for (const other of others) if (!found.has(other.info.id)) found.set(other.info.id, other)
      pending.push(...others)
    }
    return [...found.values()]
  })

/** What is in a layer of its own: all results but a base whose layers are kept; of a squashed image the last one. */
const entriesOf = (made: ReadonlyArray<Made>, { squash }: ImageOptions, isBaseKept: boolean): ReadonlyArray<Made> =>
  squash ? made.slice(-1) : made.slice(isBaseKept ? 1 : 0)

const baseStep = ({ recipe }: Made): BaseStep | undefined => {
  const step = Option.getOrUndefined(recipe)?.step
  return step?.kind === "base" ? step : undefined
}

/** A base's layers, where they can be had as they are. */
const keptLayers = (origin: Option.Option<BaseOrigin>): ReadonlyArray<LayerDescriptor> =>
  (Option.getOrUndefined(origin)?.layers ?? []).map((layer) => ({ ...layer, mediaType: ociLayerType(layer.mediaType) }))

/** How a result in the middle of a spec is to be run: as the last command before it was. */
const settingsOf = (made: ReadonlyArray<Made>): Settings => {
  const steps = made.flatMap(({ recipe }) => Option.toArray(recipe)).map(({ step }) => step)
  const last = steps.findLast((step) => step.kind === "run")
  if (last === undefined) return { environment: [], user: null, workdir: null }
  const { cwd, environment, user } = last
  const isRoot = user._tag === "Unix" && user.uid === 0 && user.gid === 0
  return { environment, user: isRoot ? null : user, workdir: cwd === "/" ? null : cwd }
}

const secondsOf = (made: Made | undefined): number =>
  Option.match(made?.recipe ?? Option.none(), { onNone: () => 0, onSome: ({ begun }) => Math.floor(begun / 1000) })

const referenceOf = (step: BaseStep | undefined): Option.Option<RegistryReference> =>
  Option.flatMap(Either.getRight(parse(step?.reference ?? "scratch")), (image) =>
    image._tag === "Registry" ? Option.some(image.image) : Option.none()
  )

/** By its tag, where it has one: its digest has a place of its own. */
const nameOf = (step: BaseStep | undefined): Option.Option<string> =>
  Option.map(referenceOf(step), (image) =>
    fullName(Option.isSome(image.tag) ? { ...image, digest: Option.none() } : image)
  )

const baseLayers = (
  { compression, directory, images }: Request,
  step: BaseStep | undefined,
  origin: Option.Option<BaseOrigin>,
  layers: ReadonlyArray<LayerDescriptor>
): ReadonlyArray<Layer> => {
  if (step === undefined || Option.isNone(origin)) return []
  const from = referenceOf(step)
  return layers.map((descriptor): Layer => {
    const reading = Effect.mapError(
      images.layers(step.reference, step, origin.value),
      ({ cause, hint, message, reference }) =>
        problem(`cannot read the base ${reference}: ${message}`, Option.getOrUndefined(hint), cause)
    )
    return compression === "none"
      ? {
          origin: Option.none(),
          expected: Effect.succeedNone,
          open: Effect.flatMap(reading, (read) => tarOf(directory, descriptor, (signal) => read(descriptor, signal)))
        }
      : {
          origin: from,
          expected: Effect.succeedSome(Option.some(descriptor)),
          open: Effect.map(reading, (read) =>
            Option.some({ descriptor, read: (signal: AbortSignal) => read(descriptor, signal) })
          )
        }
  })
}

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
const ownLayer = ({ compression, directory, store }: Request, id: StepId, { epoch, squash }: ImageOptions): Layer => {
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
