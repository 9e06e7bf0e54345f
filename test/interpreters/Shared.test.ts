import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { describe } from "vitest"
import * as Shared from "../../src/interpreters/Shared.ts"

/** Something that takes until the latch is open; what happens to it is noted. */
const something = Effect.gen(function* () {
  const events: Array<string> = []
  const begun = yield* Effect.makeLatch()
  const latch = yield* Effect.makeLatch()
  const scope = yield* Scope.make()
  const shared = Shared.make(
    Effect.acquireRelease(
      Effect.sync(() => events.push("made")),
      () => Effect.sync(() => events.push("released"))
    ).pipe(Effect.zipLeft(begun.open), Effect.zipLeft(latch.await)),
    scope
  )
  return { begun, events, latch, scope, shared }
})

describe("something shared", () => {
  it.effect("is made once, for all", () =>
    Effect.gen(function* () {
      const { events, latch, scope, shared } = yield* something
      yield* latch.open
      expect(yield* Effect.all([shared, shared, shared], { concurrency: "unbounded" })).toEqual([1, 1, 1])
      expect(yield* shared).toBe(1)
      yield* Scope.close(scope, Exit.void)
      expect(events).toEqual(["made", "released"])
    })
  )

  it.effect("is there for the others when the first is interrupted, uninterruptible or not", () =>
    Effect.gen(function* () {
      for (const wrap of [(effect: Effect.Effect<number>) => effect, Effect.uninterruptible]) {
        const { begun, events, latch, shared } = yield* something
        const first = yield* Effect.fork(wrap(shared))
        yield* begun.await
        const second = yield* Effect.fork(shared)
        yield* Effect.fork(Fiber.interrupt(first))
        yield* latch.open
        expect(yield* Fiber.join(second)).toBe(1)
        expect(yield* shared).toBe(1)
        expect(events).toEqual(["made"])
      }
    })
  )

  it.effect("is tried again after a failure", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      let tries = 0
      const shared = Shared.make(
        Effect.suspend(() => (++tries < 3 ? Effect.fail(`${tries}`) : Effect.succeed("there"))),
        scope
      )
      expect(yield* Effect.flip(shared)).toBe("1")
      expect(yield* Effect.flip(shared)).toBe("2")
      expect([yield* shared, yield* shared, tries]).toEqual(["there", "there", 3])
    })
  )

  it.effect("that is being made when the scope closes is given up", () =>
    Effect.gen(function* () {
      const { begun, events, scope, shared } = yield* something
      const waiting = yield* Effect.fork(Effect.exit(shared))
      yield* begun.await
      yield* Scope.close(scope, Exit.void)
      expect(Exit.isInterrupted(yield* Fiber.join(waiting))).toBe(true)
      expect(events).toEqual(["made", "released"])
    })
  )
})
