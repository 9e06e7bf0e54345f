/**
 * At most one execution of an id at a time in one engine: the first client
 * starts it, later ones attach to it, and it is cancelled when the last of them
 * has gone.
 *
 * Who only watches one is no client: it is cancelled all the same, and its log
 * can be read to its end.
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
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { StepId } from "../domain/Digest.ts"
import type { LiveLog } from "./LiveLog.ts"
import * as LiveLogs from "./LiveLog.ts"

/** A step being executed, as its clients see it. */
export interface Execution<E> {
  readonly log: LiveLog<E>
  /** Waits for the end. */
  readonly done: Effect.Effect<void, E>
  /** The build of the client that started it. */
  readonly owner: object
  /** Whether the client that started it had gone before it ended. */
  readonly isLeft: () => boolean
}

/** A step that is being executed, or is about to be when a job or another process lets it, as others hear of it. */
export interface Running {
  readonly id: StepId
  /** What the step is: the heading that the log shows. */
  readonly heading: string
  /** Milliseconds since 1970. */
  readonly begun: number
  /** How many builds wait for it. */
  readonly clients: number
}

interface Entry<E> extends Execution<E> {
  readonly about: Pick<Running, "id" | "heading" | "begun">
  users: number
  /** Those who watch. */
  readers: number
  /** The last client has gone, and the fiber has ended. */
  isOver: boolean
  /** Called when the client that started it leaves. */
  readonly starterLeaves: () => void
  /** Set before the client that started it has it. */
  fiber: Fiber.RuntimeFiber<void, E> | undefined
  /** Outlives the fiber: until the last client and the last reader have gone, the log can be read. */
  readonly scope: Scope.CloseableScope
}

export interface Executions<E> {
  /** Attaches to the execution of `id`, or starts it with `run`, as `owner`'s; leaves it when the scope closes. */
  readonly join: (
    step: Pick<Running, "id" | "heading">,
    run: (log: LiveLog<E>) => Effect.Effect<void, E, Scope.Scope>,
    owner: object
  ) => Effect.Effect<Execution<E>, never, Scope.Scope>
  /** What is being executed, that which was begun first comes first. */
  readonly running: Effect.Effect<ReadonlyArray<Running>>
  /** Watches the execution of `id`, if there is one, without keeping it going; until the scope closes its log can be read. */
  readonly watch: (id: StepId) => Effect.Effect<Option.Option<Execution<E>>, never, Scope.Scope>
}

export const make = <E>(): Executions<E> => {
  const running = new Map<StepId, Entry<E>>()

  type Run = (log: LiveLog<E>) => Effect.Effect<void, E, Scope.Scope>

  /** Registers an entry, in one go: nobody may come in between looking and registering. */
  const register = (about: Entry<E>["about"], scope: Scope.CloseableScope, owner: object): Registered => {
    const done = Deferred.unsafeMake<void, E>(FiberId.none)
    let hasLeft = false
    const entry: Entry<E> = {
      about,
      owner,
      log: LiveLogs.make<E>(),
      isLeft: () => hasLeft,
      done: Deferred.await(done),
      users: 1,
      readers: 0,
      isOver: false,
      starterLeaves: () => {
        if (running.get(about.id) === entry) hasLeft = true
      },
      fiber: undefined,
      scope
    }
    running.set(about.id, entry)
    return { entry, done }
  }

  interface Wish {
    readonly step: Pick<Running, "id" | "heading">
    readonly run: Run
    readonly owner: object
  }

  interface Joined {
    readonly entry: Entry<E>
    readonly isFirst: boolean
  }

  interface Registered {
    readonly entry: Entry<E>
    readonly done: Deferred.Deferred<void, E>
  }

  const start = ({ done, entry }: Registered, run: Run): Effect.Effect<Entry<E>> =>
    run(entry.log).pipe(
      Scope.extend(entry.scope),
      Effect.interruptible,
      Effect.onExit((exit) =>
        Effect.sync(() => running.delete(entry.about.id)).pipe(
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

  /** Gives the entry, which is a new one for who is the first. */
  const attach = ({ owner, run, step }: Wish, restore: Restore): Effect.Effect<Joined> =>
    Effect.flatMap(Scope.make(), (scope) =>
      Effect.clockWith((clock) => {
        const existing = running.get(step.id)
        if (existing === undefined) {
          const { heading, id } = step
          const begun = clock.unsafeCurrentTimeMillis()
          return Effect.map(start(register({ id, heading, begun }, scope, owner), run), (entry) => ({
            entry,
            isFirst: true
          }))
        }
        // Still being cancelled: wait for that, then build again.
        if (existing.users === 0)
          return Effect.zipRight(restore(Effect.exit(existing.done)), attach({ owner, run, step }, restore))
        existing.users++
        return Effect.succeed({ entry: existing, isFirst: false })
      })
    )

  const leave = ({ entry, isFirst }: Joined): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (isFirst) entry.starterLeaves()
      entry.users--
      if (entry.users > 0) return Effect.void
      const stop = entry.fiber === undefined ? Effect.void : Fiber.interrupt(entry.fiber)
      return Effect.zipRight(
        stop,
        Effect.suspend(() => {
          entry.isOver = true
          return closeUnread(entry)
        })
      )
    })

  const closeUnread = (entry: Entry<E>): Effect.Effect<void> =>
    entry.isOver && entry.readers === 0 ? Scope.close(entry.scope, Exit.void) : Effect.void

  return {
    join: (step, run, owner) =>
      Effect.uninterruptibleMask((restore) =>
        attach({ owner, run, step }, restore).pipe(
          Effect.tap((joined) => Effect.addFinalizer(() => leave(joined))),
          Effect.map(({ entry }) => entry)
        )
      ),
    running: Effect.sync(() =>
      [...running.values()].flatMap(({ about, users }) => (users === 0 ? [] : [{ ...about, clients: users }]))
    ),
    watch: (id) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const entry = running.get(id)
          if (entry !== undefined) entry.readers++
          return Option.fromNullable(entry)
        }),
        Option.match({
          onNone: () => Effect.void,
          onSome: (entry) =>
            Effect.suspend(() => {
              entry.readers--
              return closeUnread(entry)
            })
        })
      )
  }
}

type Restore = <A>(effect: Effect.Effect<A>) => Effect.Effect<A>
