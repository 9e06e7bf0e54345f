/**
 * At most one execution of an id at a time in one engine: the first client
 * starts it, later ones attach to it, and it is cancelled when the last of them
 * has gone.
 *
 * Invariants of an entry in the map: its fiber has not ended; `users` is 0 only
 * while it is being cancelled. An entry that ends leaves the map before its
 * clients are told, so a client that comes after a failure starts anew.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { StepId } from "../domain/Digest.ts"
import type { LiveLog } from "./LiveLog.ts"
import * as LiveLogs from "./LiveLog.ts"

/** A step being executed, as its clients see it. */
export interface Execution<E> {
  readonly log: LiveLog<E>
  /** Waits for the end. */
  readonly done: Effect.Effect<void, E>
}

interface Entry<E> extends Execution<E> {
  users: number
  fiber: Fiber.RuntimeFiber<void, E>
  /** Outlives the fiber: until the last client has gone, the log can be read. */
  readonly scope: Scope.CloseableScope
}

export interface Executions<E> {
  /** Attaches to the execution of `id`, or starts it with `run`; leaves it when the scope closes. */
  readonly join: (
    id: StepId,
    run: (log: LiveLog<E>) => Effect.Effect<void, E, Scope.Scope>
  ) => Effect.Effect<Execution<E>, never, Scope.Scope>
}

export const make = <E>(): Executions<E> => {
  const running = new Map<StepId, Entry<E>>()

  const start = (
    id: StepId,
    run: (log: LiveLog<E>) => Effect.Effect<void, E, Scope.Scope>
  ): Effect.Effect<Entry<E>> =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const done = yield* Deferred.make<void, E>()
      const log = LiveLogs.make<E>()
      const forget = Effect.sync(() => running.delete(id))
      const fiber = yield* run(log).pipe(
        Scope.extend(scope),
        Effect.interruptible,
        Effect.onExit((exit) =>
          Effect.zipRight(forget, Effect.zipRight(log.end, Deferred.done(done, exit)))
        ),
        Effect.forkDaemon
      )
      const entry: Entry<E> = { log, done: Deferred.await(done), users: 1, fiber, scope }
      running.set(id, entry)
      return entry
    })

  const attach = (
    id: StepId,
    run: (log: LiveLog<E>) => Effect.Effect<void, E, Scope.Scope>
  ): Effect.Effect<Entry<E>> =>
    Effect.suspend(() => {
      const existing = running.get(id)
      if (existing === undefined) return start(id, run)
      // Still being cancelled: wait for that, then build again.
      if (existing.users === 0) return Effect.zipRight(Fiber.await(existing.fiber), attach(id, run))
      existing.users++
      return Effect.succeed(existing)
    })

  const leave = (entry: Entry<E>): Effect.Effect<void> =>
    Effect.suspend(() => {
      entry.users--
      if (entry.users > 0) return Effect.void
      return Effect.zipRight(Fiber.interrupt(entry.fiber), Scope.close(entry.scope, Exit.void))
    })

  return { join: (id, run) => Effect.acquireRelease(attach(id, run), leave) }
}
