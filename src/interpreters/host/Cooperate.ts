/**
 * Long synchronous work that still lets signals and other fibers in.
 *
 * One Effect per file costs more than the file: bulk work is a generator over
 * plain synchronous calls that yields wherever it may be stopped.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** What is yielded: nothing, or what the work has to wait for. */
export type Pause = void | typeof LATER | Effect.Effect<void>

/** Work that yields wherever it may be stopped. */
export type Work = Generator<Pause, void, void>

/** Work that is done at once, or still to be done. */
export type PerhapsWork = Work | undefined

export function* toTheEnd(work: PerhapsWork): Work {
  if (work !== undefined) yield* work
}

/** Milliseconds of work between two turns of the event loop. */
const SLICE = 15

/** Yielded by work that has to wait for somebody else, such as another process that holds a lock. */
export const LATER = "later"

/** Waits within such work for an effect; throws what it fails with. */
export function* wait<A, E>(effect: Effect.Effect<A, E>): Generator<Pause, A, void> {
  let exit: Exit.Exit<A, E> | undefined
  yield Effect.map(Effect.exit(effect), (ended) => {
    exit = ended
  })
  if (exit === undefined) throw new Error("work goes on that nobody waited for")
  if (Exit.isSuccess(exit)) return exit.value
  throw Cause.squash(exit.cause)
}

/** Milliseconds until it looks again. */
const PAUSE = 5

/** Runs a generator to its end; what it throws fails with `onError`. Interruptible between slices. */
export const run = <A, E>(work: () => Generator<Pause, A, void>, onError: (error: unknown) => E): Effect.Effect<A, E> =>
  Effect.flatMap(Effect.try({ try: work, catch: onError }), (generator) => {
    const slice: Effect.Effect<A, E> = Effect.suspend(() => {
      try {
        const until = Date.now() + SLICE
        for (;;) {
          const next = generator.next()
          if (next.done === true) return Effect.succeed(next.value)
          if (next.value === LATER) return Effect.zipRight(Effect.sleep(PAUSE), slice)
          if (next.value !== undefined) return Effect.zipRight(next.value, slice)
          if (Date.now() >= until) break
        }
      } catch (error) {
        return Effect.fail(onError(error))
      }
      return Effect.zipRight(turn, slice)
    })
    // A generator that is abandoned runs its own `finally` blocks.
    return Effect.onInterrupt(slice, () => Effect.sync(() => generator.return(undefined as never)))
  })

/** To be done between the pieces of work that an effect does: gives the event loop a turn when it is time for one. */
export const makePause = (): Effect.Effect<void> => {
  let until = Date.now() + SLICE
  return Effect.suspend(() =>
    Date.now() < until
      ? Effect.void
      : Effect.map(turn, () => {
          until = Date.now() + SLICE
        })
  )
}

const turn: Effect.Effect<void> = Effect.async((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})
