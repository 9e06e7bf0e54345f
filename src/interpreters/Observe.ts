/** Gathers what a plan depends on: what the bases mean, and what the source directory holds. Reads only. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { allSpecs } from "../domain/Bases.ts"
import { type BaseInput, copyKey, type Inputs } from "../domain/Inputs.ts"
import type { Manifest } from "../domain/Manifest.ts"
import type { Copy, Spec } from "../domain/Spec.ts"
import { type BaseImageError, BaseImages } from "./BaseImages.ts"
import type { SourceError, SourceTree } from "./SourceTree.ts"

/** A base or a source file that cannot be had; `node` is the part of the spec that asked for it. */
export class ObserveError extends Data.TaggedError("ObserveError")<{
  readonly node: object
  readonly cause: BaseImageError | SourceError
}> {}

export const observe = (spec: Spec, context: SourceTree): Effect.Effect<Inputs, ObserveError, BaseImages> =>
  Effect.gen(function* () {
    const images = yield* BaseImages
    const bases = new Map<string, BaseInput>()
    const copies = new Map<string, ReadonlyArray<Manifest>>()
    for (const part of allSpecs(spec)) {
      if (!bases.has(part.from)) bases.set(part.from, yield* blame(part, images.resolve(part.from)))
      for (const copy of contextCopies(part)) {
        const key = copyKey(copy)
        if (copies.has(key)) continue
        const items = Effect.forEach(copy.src, (src) => context.manifest(src, copy.exclude, copy.preserve))
        copies.set(key, yield* blame(copy, items))
      }
    }
    return { bases, copies }
  })

const blame = <A, E extends BaseImageError | SourceError>(
  node: object,
  effect: Effect.Effect<A, E>
): Effect.Effect<A, ObserveError> => Effect.mapError(effect, (cause) => new ObserveError({ node, cause }))

const contextCopies = (spec: Spec): ReadonlyArray<Copy> =>
  spec.ops.filter((op): op is Copy => op._tag === "Copy" && op.from._tag === "Context")
