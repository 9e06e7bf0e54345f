/**
 * One process that uses a {@link MemoryWorld}, and where its faults strike.
 *
 * Several sessions may use one world at the same time. When one crashes,
 * nothing that it does later reaches the world; what it had on the disk for a
 * while is reclaimed when the next session begins.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Faults from "./Faults.ts"
import type { Activity, MemoryWorld } from "./MemoryWorld.ts"

/** The defect of whatever a session still tries after its crash, and of a run that ended so. */
export class Crashed extends Data.TaggedError("Crashed")<{}> {
  override readonly message = "the session has crashed"
}

/** The defect of a `Die` fault. */
export class InjectedDefect extends Data.TaggedError("InjectedDefect")<{ readonly point: string }> {
  override get message(): string {
    return `injected defect at ${this.point}`
  }
}

export interface Options {
  readonly faults?: Faults.Faults
  /** What an `Interrupt` fault does; the operation's own fiber is interrupted unless this says otherwise. */
  readonly interrupt?: Effect.Effect<void>
}

/** How many turns a program that is being interrupted gets before the interrupted point goes on. */
const GRACE_TURNS = 32

export class Session {
  readonly world: MemoryWorld
  readonly id: number
  /** Completes when the session crashes. */
  readonly crashed: Effect.Effect<void>
  /** The names of the points passed so far, in order. */
  readonly passed: Array<string> = []
  private readonly faults: Faults.Faults
  private readonly interrupt: Effect.Effect<void>
  private readonly crashing: Deferred.Deferred<void>

  constructor(world: MemoryWorld, options: Options, crashing: Deferred.Deferred<void>) {
    this.world = world
    this.id = world.tick()
    this.faults = options.faults ?? Faults.none
    this.interrupt = options.interrupt ?? Effect.interrupt
    this.crashing = crashing
    this.crashed = Deferred.await(crashing)
    for (const [number, temporary] of world.temporary) {
      if (!world.sessions.has(temporary.session)) world.temporary.delete(number)
    }
    world.sessions.add(this.id)
  }

  get isAlive(): boolean {
    return this.world.sessions.has(this.id)
  }

  /** Ends the session; what it left on the disk is the next one's to reclaim. */
  close(): void {
    this.world.sessions.delete(this.id)
  }

  /**
   * An operation: passes the point `name`, then does `body`, which changes the
   * world at once or not at all. `failure` makes the error of a `Fail` fault.
   */
  act<A, E, E2, R>(
    name: string,
    failure: (message: string) => E2,
    body: () => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | E2, R> {
    const unlessOver = Effect.suspend((): Effect.Effect<A, E, R> => (this.isAlive ? body() : Effect.die(new Crashed())))
    return Effect.suspend((): Effect.Effect<A, E | E2, R> => {
      switch (this.pass(name)) {
        case undefined:
          return this.isAlive ? body() : Effect.die(new Crashed())
        case "Fail":
          return Effect.fail(failure(`injected failure at ${name}`))
        case "Die":
          return Effect.die(new InjectedDefect({ point: name }))
        case "Interrupt":
          return this.interrupt.pipe(
            Effect.zipRight(Effect.repeatN(Effect.yieldNow(), GRACE_TURNS)),
            Effect.zipRight(unlessOver)
          )
        case "Crash":
          return this.crash
      }
    })
  }

  /** What a finalizer does: passes a point at which a session can crash, but not fail. */
  finish(name: string, body: () => void): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.pass(name) === "Crash") return Effect.ignore(Effect.exit(this.crash))
      if (this.isAlive) body()
      return Effect.void
    })
  }

  /** Records what goes on while `effect` does. */
  during<A, E, R>(kind: Activity["kind"], subject: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.acquireUseRelease(
      Effect.sync(() => {
        const { id: session, world } = this
        const activity: Activity = { kind, subject, session, begun: world.tick(), ended: undefined }
        world.activities.push(activity)
        return activity
      }),
      () => effect,
      (activity) =>
        Effect.sync(() => {
          activity.ended = this.world.tick()
        })
    )
  }

  private pass(name: string): Faults.Fault | undefined {
    if (!this.isAlive) return undefined
    const index = this.passed.push(name) - 1
    return this.faults({ index, name })
  }

  private readonly crash: Effect.Effect<never> = Effect.suspend(() => {
    this.close()
    return Effect.zipRight(Deferred.succeed(this.crashing, undefined), Effect.die(new Crashed()))
  })
}

export class MemorySession extends Context.Tag("obuilder/MemorySession")<MemorySession, Session>() {}

/** Opens a session; it ends with the scope. */
export const open = (world: MemoryWorld, options: Options = {}) =>
  Effect.acquireRelease(
    Effect.map(Deferred.make<void>(), (crashing) => new Session(world, options, crashing)),
    (session) => Effect.sync(() => session.close())
  )

export const layer = (world: MemoryWorld, options: Options = {}): Layer.Layer<MemorySession> =>
  Layer.scoped(MemorySession, open(world, options))

/** Whether a run ended by a crash of its session. */
export const hasCrashed = <A, E>(exit: Exit.Exit<A, E>): boolean =>
  Exit.isFailure(exit) && exit.cause._tag === "Die" && exit.cause.defect instanceof Crashed
