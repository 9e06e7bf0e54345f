/** Results to be read: as a source of copies, as a tar, as the layer of an image. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { StepId } from "../../../domain/Digest.ts"
import { LayeredTree } from "../../host/LayeredTree.ts"
import * as ResultTree from "../../host/ResultTree.ts"
import { type Manner, UnspeakableName, writeChanges, writeTree } from "../../host/TreeTar.ts"
import type { SourceTree } from "../../SourceTree.ts"
import { type LayerOptions, StoreError, type UnknownId } from "../../Store.ts"
import type { Parts } from "./Parts.ts"
import { type Meta, ownLayer } from "./Results.ts"

/** What is being done with the store, for messages. */
export const READING = "read a result in"

type Write<E> = (chunk: Uint8Array) => Effect.Effect<void, E>

export interface ReadingOptions extends Pick<Parts, "failed" | "layout" | "trees"> {
  readonly present: (id: StepId) => Effect.Effect<Meta, StoreError | UnknownId>
  /** Keeps a result from being deleted while the scope is open. */
  readonly keep: (id: StepId) => Effect.Effect<void, UnknownId, Scope.Scope>
  /** Gives paths where nothing is yet. */
  readonly temporary: Effect.Effect<string, StoreError>
}

/** As `StoreService` has it. */
export class Reading {
  private readonly options: ReadingOptions

  constructor(options: ReadingOptions) {
    this.options = options
  }

  tree(id: StepId): Effect.Effect<SourceTree, StoreError | UnknownId, Scope.Scope> {
    const { keep, layout, present, temporary, trees } = this.options
    const { source } = trees
    if (source === undefined) return Effect.map(this.whole(id), ResultTree.make)
    return Effect.zipRight(
      keep(id),
      Effect.flatMap(present(id), ({ layers: [own = ""] }) => source(`${layout.root}/${own}`, temporary))
    )
  }

  tar<E>(id: StepId, write: Write<E>, latest: Option.Option<number>): Effect.Effect<void, E | StoreError | UnknownId> {
    return Effect.flatMap(this.whole(id), (tree) => writeTree(tree, "tar", write, this.manner(latest))).pipe(
      Effect.scoped
    )
  }

  layer<E>(
    id: StepId,
    write: Write<E>,
    { latest, whole }: LayerOptions
  ): Effect.Effect<boolean, E | StoreError | UnknownId> {
    const { keep, present } = this.options
    const manner = this.manner(latest)
    return Effect.gen(this, function* () {
      yield* keep(id)
      const { layers, parent } = yield* present(id)
      if (parent === null || whole) {
        yield* writeTree(yield* this.reading(layers), "layer", write, manner)
        return true
      }
      const above = yield* present(parent)
      // On the parent's own layers, rather than on what they were merged into: what is the same in both is then seen at once.
      const own = layers.length === 1 ? layers : [ownLayer(id), ...above.layers]
      return yield* writeChanges(yield* this.reading(above.layers), yield* this.reading(own), write, manner)
    }).pipe(Effect.scoped)
  }

  private whole(id: StepId): Effect.Effect<LayeredTree, StoreError | UnknownId, Scope.Scope> {
    const { keep, present } = this.options
    return Effect.zipRight(
      keep(id),
      Effect.flatMap(present(id), ({ layers }) => this.reading(layers))
    )
  }

  /** `layers` as `Meta` has them. */
  private reading(layers: ReadonlyArray<string>): Effect.Effect<LayeredTree, StoreError, Scope.Scope> {
    const { layout, temporary, trees } = this.options
    const directories = layers.map((layer) => `${layout.root}/${layer}`)
    return Effect.flatMap(trees.read?.(directories, temporary) ?? Effect.succeed(directories), (places) =>
      Effect.try({ try: () => new LayeredTree(places), catch: (error) => this.failed(error) })
    )
  }

  private manner(latest: Option.Option<number>): Manner<StoreError> {
    return {
      latest: Option.getOrElse(latest, () => Number.POSITIVE_INFINITY),
      onError: (error) => this.failed(error)
    }
  }

  private failed(error: unknown): StoreError {
    return error instanceof UnspeakableName
      ? new StoreError({ message: error.message, hint: Option.none(), cause: error })
      : this.options.failed(READING, error)
  }
}
