/** Laws of nested builds. */
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Spec } from "../../src/domain/Spec.ts"
import { copy, failedWith, LogView, run } from "../interpreters/builds.ts"
import { type Judged, type Law, oneByOne } from "./engineSubject.ts"
import { makeGate } from "./gate.ts"

export const engineNestedLaws = (law: Law): void => {
  orderLaws(law)
  reuseLaws(law)
}

/** Two builds that wait at gates, and one that copies from both. */
const bothOf = (judged: Judged) => {
  const gates = { a: makeGate(), b: makeGate() }
  const tool = (name: "a" | "b"): Spec => judged.spec([run(`echo ${name} > out; ${gates[name].command}`)])
  return {
    gates: [gates.a, gates.b],
    spec: judged.spec(
      (["a", "b"] as const).map((name) => copy([judged.at("out")], judged.at(name), { from: name })),
      { a: tool("a"), b: tool("b") }
    )
  }
}

const orderLaws = (law: Law): void => {
  law("that do not depend on each other run at the same time with more jobs than one, where steps can", (judged) =>
    Effect.gen(function* () {
      const { gates, spec } = bothOf(judged)
      const fiber = yield* Effect.forkScoped(judged.once({ spec, jobs: 2 }))
      yield* judged.pass(gates)
      const id = yield* Fiber.join(fiber)
      expect(judged.mostAtOnce).toBe(2)
      expect([yield* judged.text(id, "a"), yield* judged.text(id, "b")]).toEqual(["a\n", "b\n"])
    })
  )

  law("run one after the other with one job", (judged) =>
    Effect.gen(function* () {
      const { gates, spec } = bothOf(judged)
      const fiber = yield* Effect.forkScoped(judged.once({ spec, jobs: 1 }))
      yield* oneByOne(gates)
      yield* Fiber.join(fiber)
      expect(judged.commands).toHaveLength(2)
      expect(judged.mostAtOnce).toBe(1)
    })
  )

  law("run before what copies from them, though there are many jobs", (judged) =>
    Effect.gen(function* () {
      const id = yield* judged.once({
        spec: judged.spec([copy([judged.at("out")], judged.at(""), { from: "b" })], {
          a: judged.spec([run("echo tool > out")]),
          b: judged.spec([copy([judged.at("out")], judged.at("in"), { from: "a" }), run("cat in in > out")])
        }),
        jobs: 8
      })
      expect(judged.scripts).toEqual(["echo tool > out", "cat in in > out"])
      expect(yield* judged.text(id, "out")).toBe("tool\ntool\n")
    })
  )

  law("that fail fail the build, and stop those that run beside them", (judged) =>
    Effect.gen(function* () {
      const [failing, beside] = [makeGate(), makeGate()]
      const fiber = yield* Effect.forkScoped(
        judged.once({
          spec: judged.spec([], {
            a: judged.spec([run(`echo a; ${failing.command}`)]),
            b: judged.spec([run(`echo b; ${judged.isParallel ? beside.command : "exit 0"}`)])
          }),
          jobs: 2
        })
      )
      yield* failing.arrival
      if (judged.isParallel) yield* beside.arrival
      yield* failing.fail
      expect(failedWith(yield* Effect.flip(Fiber.join(fiber)))).toEqual({ _tag: "Exit", status: 7 })
      expect(beside.waiting()).toBe(0)
      expect(judged.running).toBe(0)
    })
  )

  law("are built even when nothing copies from them", (judged) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(judged.once({ spec: judged.spec([], { check: judged.spec([run("exit 9")]) }) }))
      expect(failedWith(error)).toEqual({ _tag: "Exit", status: 9 })
    })
  )
}

const reuseLaws = (law: Law): void => {
  law("that change and come out the same leave what copies from them cached", (judged) =>
    Effect.gen(function* () {
      const copying = (comment: string) => ({
        spec: judged.spec(
          [copy([judged.at("out")], judged.at("in"), { from: "tool" }), run("echo + >> in/bin"), run("cat in/bin")],
          { tool: judged.spec([run(`echo ${comment}`), run("mkdir out; echo program > out/bin")]) }
        )
      })
      const first = yield* judged.once(copying("one"))
      expect(yield* judged.once(copying("two"))).toBe(first)
      // The planned ids have changed from the copy on; what they mean was found out, and is known from now on.
      expect(yield* judged.apart(copying("two"))).toBe(first)
      const nested = (comment: string) => [`echo ${comment}`, "mkdir out; echo program > out/bin"]
      expect(judged.scripts).toEqual([...nested("one"), "echo + >> in/bin", "cat in/bin", ...nested("two")])
      expect(yield* judged.text(first, "in/bin")).toBe("program\n+\n")
    })
  )

  law("whose copied files are known need not be there any more", (judged) =>
    Effect.gen(function* () {
      const request = {
        spec: judged.spec([copy([judged.at("out")], judged.at(""), { from: "tool" }), run("echo + >> out")], {
          tool: judged.spec([run("echo program > out"), run("echo last")])
        })
      }
      const first = yield* judged.apart(request)
      yield* judged.remove(({ heading }) => heading.includes("echo last"))
      expect(yield* judged.shown(request)).toContain('--> skipped "tool"')
      expect(yield* judged.once(request)).toBe(first)
      expect(judged.commands).toHaveLength(3)
    })
  )

  law("that give other files when they run again take what follows with them, whatever was copied before", (judged) =>
    Effect.gen(function* () {
      // What the cache holds decides what is made: the second run makes something else.
      const changing = run("echo x >> c/f; cat c/f; cat c/f > out", { caches: { c: judged.at("c") } })
      const request = {
        spec: judged.spec(
          [
            copy([judged.at("out")], judged.at("a"), { from: "a" }),
            copy([judged.at("base-id")], judged.at("b"), { from: "b" })
          ],
          { a: judged.spec([changing]), b: judged.spec([]) }
        )
      }
      const log = new LogView({ headings: false })
      const first = yield* judged.apart({ ...request, onEvent: log.onEvent })
      expect(log.text.match(/^x$/gm)).toHaveLength(1)
      // All but the base; what the copies were found to be is still known.
      yield* judged.remove(({ parent }) => parent._tag === "Some")
      const second = yield* judged.once(request)
      expect(second).not.toBe(first)
      expect(yield* judged.text(second, "a")).toBe("x\nx\n")
      expect(yield* judged.text(second, "b")).toBe("base-distro\n")
    })
  )
}
