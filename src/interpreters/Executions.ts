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
import * as FiberId from "effect/FiberId"
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
  /** Set before the client that started it has it. */
  fiber: Fiber.RuntimeFiber<void, E> | undefined
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

  type Run = (log: LiveLog<E>) => Effect.Effect<void, E, Scope.Scope>

  /** Registers an entry, in one go: nobody may come in between looking and registering. */
  const register = (id: StepId, scope: Scope.CloseableScope): Registered => {
    const done = Deferred.unsafeMake<void, E>(FiberId.none)
    const entry: Entry<E> = { log: LiveLogs.make<E>(), done: Deferred.await(done), users: 1, fiber: undefined, scope }
    running.set(id, entry)
    return { entry, done }
  }

  interface Registered {
    readonly entry: Entry<E>
    readonly done: Deferred.Deferred<void, E>
  }

  const start = (id: StepId, { done, entry }: Registered, run: Run): Effect.Effect<Entry<E>> =>
    run(entry.log).pipe(
      Scope.extend(entry.scope),
      Effect.interruptible,
      Effect.onExit((exit) =>
        Effect.sync(() => running.delete(id)).pipe(
          Effect.zipRight(entry.log.end),
          Effect.zipRight(Deferred.done(done, exit))
        )
      ),
      Effect.forkDaemon,
      Effect.map((fiber) => {
        entry.fiber = fiber
        return entry
      })
    )

  const attach = (id: StepId, run: Run, restore: Restore): Effect.Effect<Entry<E>> =>
    Effect.flatMap(Scope.make(), (scope) =>
      Effect.suspend(() => {
        const existing = running.get(id)
        if (existing === undefined) return start(id, register(id, scope), run)
        // Still being cancelled: wait for that, then build again.
        if (existing.users === 0) return Effect.zipRight(restore(Effect.exit(existing.done)), attach(id, run, restore))
        existing.users++
        return Effect.succeed(existing)
      })
    )

  const leave = (entry: Entry<E>): Effect.Effect<void> =>
    Effect.suspend(() => {
      entry.users--
      if (entry.users > 0) return Effect.void
      const stop = entry.fiber === undefined ? Effect.void : Fiber.interrupt(entry.fiber)
      return Effect.zipRight(stop, Scope.close(entry.scope, Exit.void))
    })

  return {
    join: (id, run) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.tap(attach(id, run, restore), (entry) => Effect.addFinalizer(() => leave(entry)))
      )
  }
}

type Restore = <A>(effect: Effect.Effect<A>) => Effect.Effect<A>
