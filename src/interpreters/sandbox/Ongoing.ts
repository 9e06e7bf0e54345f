/**
 * What is going on with a resource that is about to go: work that somebody else
 * has forked, and has not ended yet, ends before the resource does.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"

/** Runs an effect; its fiber is interrupted, and the effect's end waited for, when the scope closes. */
export type During = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export const make: Effect.Effect<During, never, Scope.Scope> = Effect.gen(function* () {
  const ongoing = new Set<Effect.Effect<void>>()
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => Effect.forEach([...ongoing], (stop) => stop, { concurrency: "unbounded", discard: true }))
  )
  return <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.withFiberRuntime<A, E, R>((fiber) => {
      const ended = Deferred.unsafeMake<void>(FiberId.none)
      const stop = Effect.suspend(() => {
        fiber.unsafeInterruptAsFork(FiberId.none)
        return Deferred.await(ended)
      })
      return Effect.acquireUseRelease(
        Effect.sync(() => ongoing.add(stop)),
        () => effect,
        () => {
          ongoing.delete(stop)
          return Deferred.succeed(ended, undefined)
        }
      )
    })
})
