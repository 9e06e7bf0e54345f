/** All layers of an image at once, for formats that have to know everything before they write anything. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Documents } from "./ImageDocuments.ts"
import type { Failure, OpenLayer, ResultImage } from "./ResultImage.ts"
import { AT_ONCE } from "./Target.ts"

export interface Gathered {
  readonly documents: Documents
  /** From the lowest up. */
  readonly layers: ReadonlyArray<OpenLayer>
}

/** They can be read as long as the scope is open. */
export const gather = (image: ResultImage): Effect.Effect<Gathered, Failure, Scope.Scope> =>
  Effect.gen(function* () {
    const layers = yield* Effect.forEach(image.layers, ({ open }) => open, { concurrency: AT_ONCE })
    const documents = image.complete(layers.map((layer) => Option.map(layer, ({ descriptor }) => descriptor)))
    return { documents, layers: layers.flatMap(Option.toArray) }
  })
