/** Laws of builds that share an engine. */
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Spec } from "../../src/domain/Spec.ts"
import { failedWith, run } from "../interpreters/builds.ts"
import type { Judged, Law } from "./engineSubject.ts"
import { type Gate, makeGate } from "./gate.ts"

const AT_WAIT = "---> saved\nWait\n"
const AT_WAIT_TOO = "---> using from cache\nWait\n"

/** A build that waits at a gate, with a cache, which has to be let go of. */
const waitingAt = (judged: Judged, gate: Gate): Spec =>
  judged.spec([run(`echo Wait; ${gate.command}; echo ok`, { caches: { c: judged.at("cache") } })])

export const engineClientLaws = (law: Law): void => {
  sharingLaws(law)
  cancellingLaws(law)
}

const sharingLaws = (law: Law): void => {
  law("share a step: it runs once, and all see its log while it runs", (judged) =>
    Effect.gen(function* () {
      const gate = makeGate()
      const shared = run(`echo A; echo A > output; ${gate.command}`)
      const one = yield* judged.start(judged.spec([shared, run("echo B >> output")]))
      yield* one.log.await("---> saved\nA\n")
      const other = yield* judged.start(judged.spec([shared, run("echo C >> output")]))
      yield* other.log.await("---> using from cache\nA\n")
      yield* gate.arrival
      expect(gate.waiting()).toBe(1)
      yield* gate.proceed
      expect(yield* judged.text(yield* Fiber.join(one.fiber), "output")).toBe("A\nB\n")
      expect(yield* judged.text(yield* Fiber.join(other.fiber), "output")).toBe("A\nC\n")
      expect(one.log.text).toBe("---> saved\nA\n---> saved\n---> saved\n")
      expect(other.log.text).toBe("---> using from cache\nA\n---> saved\n---> saved\n")
      expect(judged.commands).toHaveLength(3)
    })
  )

  law("share all steps that they have in common, though they begin at once", (judged) =>
    Effect.gen(function* () {
      const shared = judged.spec([run("echo A"), run("echo B")], { tool: judged.spec([run("echo C")]) })
      const ids = yield* Effect.all(
        [judged.once({ spec: shared }), judged.once({ spec: shared, jobs: 2 }), judged.once({ spec: shared })],
        { concurrency: 3 }
      )
      expect(new Set(ids).size).toBe(1)
      expect(judged.scripts.toSorted()).toEqual(["echo A", "echo B", "echo C"])
      expect(judged.unpacked).toBe(1)
    })
  )

  law("share a failure: both have its output and its error, and nothing is kept", (judged) =>
    Effect.gen(function* () {
      const gate = makeGate()
      const waiting = waitingAt(judged, gate)
      const one = yield* judged.start({ ...waiting, ops: [...waiting.ops, run("echo B")] })
      yield* one.log.await(AT_WAIT)
      const other = yield* judged.start({ ...waiting, ops: [...waiting.ops, run("echo C")] })
      yield* other.log.await(AT_WAIT_TOO)
      yield* gate.arrival
      yield* gate.fail
      for (const { fiber } of [one, other]) {
        expect(failedWith(yield* Effect.flip(Fiber.join(fiber)))).toEqual({ _tag: "Exit", status: 7 })
      }
      expect([one.log.text, other.log.text]).toEqual([AT_WAIT, AT_WAIT_TOO])
      expect(yield* judged.results).toHaveLength(1)
      expect(judged.commands).toHaveLength(1)
    })
  )

  law("share a failure that comes while the second one attaches, or begin anew after it", (judged) =>
    Effect.gen(function* () {
      const gate = makeGate()
      const one = yield* judged.start(waitingAt(judged, gate))
      yield* gate.arrival
      const other = yield* judged.start(waitingAt(judged, gate))
      yield* gate.fail
      expect(failedWith(yield* Effect.flip(Fiber.join(one.fiber)))).toEqual({ _tag: "Exit", status: 7 })
      yield* Effect.raceFirst(Effect.exit(Fiber.await(other.fiber)), Effect.zipRight(gate.arrival, gate.fail))
      expect(failedWith(yield* Effect.flip(Fiber.join(other.fiber)))).toEqual({ _tag: "Exit", status: 7 })
      expect(yield* judged.results).toHaveLength(1)
    })
  )
}

const cancellingLaws = (law: Law): void => {
  law("end when they are cancelled, with their step, and can be done again", (judged) =>
    Effect.gen(function* () {
      const gate = makeGate()
      const one = yield* judged.start(waitingAt(judged, gate))
      yield* one.log.await(AT_WAIT)
      yield* gate.arrival
      expect(Exit.isInterrupted(yield* Fiber.interrupt(one.fiber))).toBe(true)
      expect(gate.waiting()).toBe(0)
      expect(judged.running).toBe(0)
      expect(one.log.text).toBe(AT_WAIT)
      expect(yield* judged.results).toHaveLength(1)
      const again = yield* judged.start(waitingAt(judged, gate))
      yield* gate.arrival
      yield* gate.proceed
      yield* Fiber.join(again.fiber)
      expect(again.log.text).toBe(`${AT_WAIT_TOO}ok\n---> saved\n`)
    })
  )

  law("go on when one of two that share a step is cancelled", (judged) =>
    Effect.gen(function* () {
      const gate = makeGate()
      const one = yield* judged.start(waitingAt(judged, gate))
      yield* one.log.await(AT_WAIT)
      const other = yield* judged.start(waitingAt(judged, gate))
      yield* other.log.await(AT_WAIT_TOO)
      yield* gate.arrival
      expect(Exit.isInterrupted(yield* Fiber.interrupt(one.fiber))).toBe(true)
      expect(one.log.text).toBe(AT_WAIT)
      expect(gate.waiting()).toBe(1)
      yield* gate.proceed
      yield* Fiber.join(other.fiber)
      expect(other.log.text).toBe(`${AT_WAIT_TOO}ok\n---> saved\n`)
      expect(judged.commands).toHaveLength(1)
    })
  )

  law("cancel the step that they share when the last of them is cancelled", (judged) =>
    Effect.gen(function* () {
      const gate = makeGate()
      const one = yield* judged.start(waitingAt(judged, gate))
      yield* one.log.await(AT_WAIT)
      const other = yield* judged.start(waitingAt(judged, gate))
      yield* other.log.await(AT_WAIT_TOO)
      yield* gate.arrival
      yield* Fiber.interrupt(one.fiber)
      expect(gate.waiting()).toBe(1)
      expect(Exit.isInterrupted(yield* Fiber.interrupt(other.fiber))).toBe(true)
      expect(gate.waiting()).toBe(0)
      expect(other.log.text).toBe(AT_WAIT_TOO)
      expect(yield* judged.results).toHaveLength(1)
    })
  )

  law("do not hurt the next execution by leaving one that has failed", (judged) =>
    Effect.gen(function* () {
      const gate = makeGate()
      const one = yield* judged.start(waitingAt(judged, gate))
      yield* gate.arrival
      yield* gate.fail
      yield* Fiber.await(one.fiber)
      const second = yield* judged.start(waitingAt(judged, gate))
      yield* second.log.await(AT_WAIT_TOO)
      yield* gate.arrival
      yield* Fiber.interrupt(one.fiber)
      const third = yield* judged.start(waitingAt(judged, gate))
      yield* third.log.await(AT_WAIT_TOO)
      yield* gate.proceed
      expect(yield* Fiber.join(second.fiber)).toBe(yield* Fiber.join(third.fiber))
      expect(judged.commands).toHaveLength(2)
    })
  )

  law("that come while an execution is being cancelled build again after it", (judged) =>
    Effect.gen(function* () {
      const gate = makeGate()
      const one = yield* judged.start(waitingAt(judged, gate))
      yield* one.log.await(AT_WAIT)
      yield* gate.arrival
      const cancelling = yield* Effect.forkScoped(Fiber.interrupt(one.fiber))
      yield* Effect.yieldNow()
      const second = yield* judged.start(waitingAt(judged, gate))
      const third = yield* judged.start(waitingAt(judged, gate))
      // One that only waits can be cancelled too.
      expect(Exit.isInterrupted(yield* Fiber.interrupt(third.fiber))).toBe(true)
      expect(Exit.isInterrupted(yield* Fiber.join(cancelling))).toBe(true)
      yield* second.log.await(AT_WAIT_TOO)
      yield* gate.arrival
      yield* gate.proceed
      yield* Fiber.join(second.fiber)
      expect(second.log.text).toBe(`${AT_WAIT_TOO}ok\n---> saved\n`)
      expect(judged.mostAtOnce).toBe(1)
      expect(judged.commands).toHaveLength(2)
    })
  )
}
