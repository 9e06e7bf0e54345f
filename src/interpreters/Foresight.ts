/** What a store is told of the results that it is about to be asked for. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { StepId } from "../domain/Digest.ts"
import type { Step } from "../plan/Plan.ts"
import { realisedId } from "../plan/StepKey.ts"
import { isNestedCopy } from "./NestedCopy.ts"
import type { StoreError, StoreService } from "./Store.ts"

/** Tells a store that wants to know it the realised ids of a stage's steps, as far as they are known. */
export const tell = (store: StoreService, steps: ReadonlyArray<Step>): Effect.Effect<void, StoreError> => {
  const { foresee } = store
  if (foresee === undefined) return Effect.void
  return Effect.gen(function* () {
    const chain: Array<StepId> = []
    for (const step of steps) {
      const id: Option.Option<StepId> = isNestedCopy(step)
        ? yield* store.realised(step.id)
        : Option.some(realisedId(step, chain.at(-1)))
      if (Option.isNone(id)) break
      chain.push(id.value)
    }
    yield* foresee(chain)
  })
}
