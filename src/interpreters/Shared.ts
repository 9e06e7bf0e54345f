/**
 * Something that many fibers use and the first of them has made.
 *
 * Unlike with `Effect.cached`, it is made by a fiber of its own: whoever came
 * first may be interrupted without harm to the others, and what failed is tried
 * again by the next one to come.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Scope from "effect/Scope"

/** `made` lives in the scope; when that closes, the making of it is interrupted. */
export const make = <A, E>(made: Effect.Effect<A, E, Scope.Scope>, scope: Scope.Scope): Effect.Effect<A, E> => {
  let current: Deferred.Deferred<A, E> | undefined
  // Nobody may be interrupted between saying that it is being made and having it made.
  return Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      if (current !== undefined) return restore(Deferred.await(current))
      const deferred = Deferred.unsafeMake<A, E>(FiberId.none)
      current = deferred
      const making = Effect.onExit(Effect.interruptible(Scope.extend(made, scope)), (exit) => {
        if (Exit.isFailure(exit)) current = undefined
        return Deferred.done(deferred, exit)
      })
      return Effect.zipRight(Effect.forkIn(making, scope), restore(Deferred.await(deferred)))
    })
  )
}
