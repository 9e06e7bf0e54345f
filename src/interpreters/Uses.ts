/**
 * The uses of a store that go on in one process, and what each of them holds:
 * what is held within a use belongs to it, so that one which goes on for long keeps
 * nothing that others have taken.
 */
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import type * as Scope from "effect/Scope"
import type { StepId } from "../domain/Digest.ts"

/** What a use holds. */
export type Use = Set<StepId>

export interface Uses {
  /** Begins a use of this fiber, and of those that it forks, which goes on until the scope closes. */
  readonly using: Effect.Effect<void, never, Scope.Scope>
  /** The use that this fiber is part of. */
  readonly current: Effect.Effect<Use | undefined>
  /** Whether a use that goes on holds it. */
  readonly has: (id: StepId) => boolean
}

export const make = (): Uses => {
  const current = FiberRef.unsafeMake<Use | undefined>(undefined)
  const going = new Set<Use>()
  const begun = Effect.acquireRelease(
    Effect.sync((): Use => {
      const use: Use = new Set()
      going.add(use)
      return use
    }),
    (use) => Effect.sync(() => going.delete(use))
  )
  return {
    using: Effect.flatMap(begun, (use) => Effect.locallyScoped(current, use)),
    current: FiberRef.get(current),
    has: (id) => [...going].some((use) => use.has(id))
  }
}
