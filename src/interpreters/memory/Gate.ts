/** A place where scripts stop until the test lets them go on, so that no test sleeps. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"

/** What becomes of a script that waits: it goes on, it fails with a status, or its session has crashed. */
export type Verdict =
  | { readonly _tag: "Proceed" }
  | { readonly _tag: "Fail"; readonly status: number }
  | { readonly _tag: "Crashed" }

/** A script that stands at the gate. */
export interface Arrival {
  readonly proceed: Effect.Effect<void>
  /** The script ends with this exit status, 1 unless told otherwise. */
  readonly fail: (status?: number) => Effect.Effect<void>
}

export class Gate {
  private isOpen = false
  private readonly waiting = new Set<Deferred.Deferred<Verdict>>()
  private readonly arrivals: Queue.Queue<Arrival>

  private constructor(arrivals: Queue.Queue<Arrival>) {
    this.arrivals = arrivals
  }

  static readonly make: Effect.Effect<Gate> = Effect.map(Queue.unbounded<Arrival>(), (arrivals) => new Gate(arrivals))

  /** The next script that arrives, in their order; waits for it. Each arrival is told once. */
  readonly arrival: Effect.Effect<Arrival> = Effect.suspend(() => Queue.take(this.arrivals))

  /** Lets all go on, those who come later too. */
  readonly open: Effect.Effect<void> = Effect.suspend(() => {
    this.isOpen = true
    return Effect.forEach([...this.waiting], (one) => Deferred.succeed(one, { _tag: "Proceed" }), { discard: true })
  })

  /** For a script: waits for the test's verdict, or for the session's end. */
  wait(crashed: Effect.Effect<void>): Effect.Effect<Verdict> {
    return Effect.gen(this, function* () {
      const verdict = yield* Deferred.make<Verdict>()
      if (this.isOpen) return { _tag: "Proceed" }
      this.waiting.add(verdict)
      const decide = (decided: Verdict): Effect.Effect<void> => Effect.asVoid(Deferred.succeed(verdict, decided))
      yield* Queue.offer(this.arrivals, {
        proceed: decide({ _tag: "Proceed" }),
        fail: (status = 1) => decide({ _tag: "Fail", status })
      })
      // A fiber of its own, since a script that cannot be interrupted must still end with its session.
      const watch = Effect.forkDaemon(Effect.interruptible(Effect.zipRight(crashed, decide({ _tag: "Crashed" }))))
      return yield* Effect.acquireUseRelease(
        watch,
        () => Deferred.await(verdict),
        (watcher) =>
          Effect.zipRight(
            watcher.interruptAsFork(watcher.id()),
            Effect.sync(() => this.waiting.delete(verdict))
          )
      )
    })
  }
}
