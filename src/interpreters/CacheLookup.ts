/** Which of a plan's steps the store has: what a build would not run. Reads only. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { StepId } from "../domain/Digest.ts"
import { byStage, type Plan, type Step } from "../plan/Plan.ts"
import { realisedId } from "../plan/StepKey.ts"
import * as Foresight from "./Foresight.ts"
import { isNestedCopy } from "./NestedCopy.ts"
import { knownCopyOn } from "./StageBuild.ts"
import { Store, type StoreError } from "./Store.ts"

/** The realised ids of the steps whose results are in the store. */
export const lookUp = (plan: Plan): Effect.Effect<ReadonlyMap<Step, StepId>, StoreError, Store> =>
  Effect.gen(function* () {
    const store = yield* Store
    const found = new Map<Step, StepId>()
    for (const [, steps] of byStage(plan)) {
      yield* Foresight.tell(store, steps)
      let parent: StepId | undefined
      for (const step of steps) {
        if (isNestedCopy(step)) {
          const known = yield* knownCopyOn(store, step, parent)
          // What comes after a copy whose content nobody knows has no realised id yet.
          if (Option.isNone(known)) break
          parent = known.value.id
          found.set(step, parent)
          continue
        }
        parent = realisedId(step, parent)
        if (Option.isSome(yield* store.result(parent))) found.set(step, parent)
      }
    }
    return found
  })
