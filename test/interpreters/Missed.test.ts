/** What a build tells of steps that the store lacks, as events. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Spec } from "../../src/domain/Spec.ts"
import type { BuildEvent } from "../../src/interpreters/Events.ts"
import * as Faults from "../../src/interpreters/memory/Faults.ts"
import type { MemoryWorld } from "../../src/interpreters/memory/MemoryWorld.ts"
import { build, engine, newWorld, run, spec } from "./builds.ts"

const events = (world: MemoryWorld, spec: Spec, faults: Faults.Faults = Faults.none) =>
  Effect.gen(function* () {
    const seen: Array<BuildEvent> = []
    const onEvent = (event: BuildEvent) => Effect.sync(() => void seen.push(event))
    yield* Effect.provide(build({ spec, onEvent }), engine(world, { faults }))
    return seen
  })

const missed = (all: ReadonlyArray<BuildEvent>) => all.flatMap((event) => (event._tag === "Missed" ? [event] : []))

describe("a build tells of a step that is not cached", () => {
  it.effect("after its heading, before anything of what it does, since which result and what changed", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const before = yield* events(world, spec("base", [run("echo one")]))
      expect(missed(before)).toEqual([])
      const earlier = before.flatMap((event) => (event._tag === "Saved" ? [event.id] : [])).at(-1)
      const after = yield* events(world, spec("base", [run("echo one two")]))
      expect(after.map(({ _tag }) => _tag)).toEqual([
        "Heading",
        "Cached",
        "Heading",
        "Missed",
        "Output",
        "Saved",
        "StageFinished"
      ])
      expect(missed(after)).toMatchObject([
        { stage: "", earlier, changes: [{ _tag: "Command", before: "echo one", after: "echo one two" }] }
      ])
    })
  )

  for (const name of ["store.children", "store.note"]) {
    for (const fault of ["Fail", "Die"] as const) {
      it.effect(`nothing, and builds as ever, where ${name} comes to a ${fault}`, () =>
        Effect.gen(function* () {
          const world = newWorld()
          yield* events(world, spec("base", [run("echo one")]))
          const after = yield* events(world, spec("base", [run("echo one two")]), Faults.named(name, fault))
          expect(missed(after)).toEqual([])
          expect(after.map(({ _tag }) => _tag)).toContain("Saved")
        })
      )
    }
  }

  it.effect("nothing, where another build makes it just then", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const steps = spec("base", [run("echo one")])
      const first = yield* events(world, steps)
      const id = first.flatMap((event) => (event._tag === "Saved" ? [event.id] : [])).at(-1)
      const result = id && world.results.get(id)
      if (id === undefined || result === undefined) throw new Error("nothing was made")
      world.results.delete(id)
      const another: Faults.Faults = ({ name }) => {
        if (name === "store.children") world.results.set(id, result)
        return undefined
      }
      const after = yield* events(world, steps, another)
      expect(world.results.get(id)).toBe(result)
      expect(missed(after)).toEqual([])
    })
  )

  it.effect("without looking at more results than a few, however many there are", () =>
    Effect.gen(function* () {
      const world = newWorld()
      for (let n = 0; n < 100; n++) yield* events(world, spec("base", [run(`echo ${n} and more words`)]))
      let looked = 0
      const counting: Faults.Faults = ({ name }) => {
        if (name === "store.note" || name === "store.children") looked++
        return undefined
      }
      const after = yield* events(world, spec("base", [run("echo x and more words")]), counting)
      expect(missed(after)).toMatchObject([{ changes: [{ _tag: "Command", before: "echo 99 and more words" }] }])
      expect(looked).toBeLessThan(200)
    })
  )

  it.effect("of one that is cached nothing is looked at", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const steps = spec("base", [run("echo one"), run("echo two")])
      yield* events(world, steps)
      const points: Array<string> = []
      const listening: Faults.Faults = ({ name }) => {
        points.push(name)
        return undefined
      }
      yield* events(world, steps, listening)
      expect(points).not.toContain("store.children")
    })
  )
})
