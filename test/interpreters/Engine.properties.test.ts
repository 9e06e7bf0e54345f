import { describe, expect, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import type { StepId } from "../../src/domain/Digest.ts"
import type { Op, Spec } from "../../src/domain/Spec.ts"
import { heading } from "../../src/domain/SpecText.ts"
import { Engine } from "../../src/interpreters/Engine.ts"
import * as LifeCycle from "../../src/interpreters/LifeCycle.ts"
import * as Faults from "../../src/interpreters/memory/Faults.ts"
import * as FileTree from "../../src/interpreters/memory/FileTree.ts"
import * as Memory from "../../src/interpreters/memory/Memory.ts"
import * as MemorySession from "../../src/interpreters/memory/MemorySession.ts"
import * as MemoryWorld from "../../src/interpreters/memory/MemoryWorld.ts"
import * as Scenario from "../../src/interpreters/memory/Scenario.ts"
import * as TreeSource from "../../src/interpreters/memory/TreeSource.ts"
import { build, engine, planNow } from "./builds.ts"

const RUNS = { numRuns: 200 }

// Thousands of builds, on a machine that may be busy.
vi.setConfig({ testTimeout: 300_000 })

const newWorld = (scenario: Scenario.Scenario): MemoryWorld.MemoryWorld => MemoryWorld.make(scenario.bases)

const building = (scenario: Scenario.Scenario, jobs = 1) =>
  build({
    spec: scenario.spec,
    context: TreeSource.fromTree(FileTree.make(scenario.context)),
    secrets: scenario.secrets,
    jobs
  })

/** A build in a session of its own, that has to succeed. */
const built = (world: MemoryWorld.MemoryWorld, scenario: Scenario.Scenario, jobs = 1): Promise<StepId> =>
  Effect.runPromise(Effect.provide(building(scenario, jobs), engine(world)))

/**
 * Everything of a world's results that later builds could see, by id. Headings
 * are for the reader alone: the same copy may be from builds of other names.
 */
const results = (world: MemoryWorld.MemoryWorld): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...world.results]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, { info, log, tree }]) => [
        id,
        JSON.stringify({ parent: info.parent, log: Buffer.from(log).toString(), tree: FileTree.listing(tree) })
      ])
  )

const expectSameResults = (one: MemoryWorld.MemoryWorld, other: MemoryWorld.MemoryWorld): void =>
  expect(results(one)).toEqual(results(other))

/** What `part` has, `whole` has too, and it is the same. */
const expectResultsWithin = (part: MemoryWorld.MemoryWorld, whole: MemoryWorld.MemoryWorld): void => {
  const all = results(whole)
  const some = results(part)
  expect(Object.fromEntries(Object.keys(some).map((id) => [id, all[id]]))).toEqual(some)
}

const expectNothingLeft = (world: MemoryWorld.MemoryWorld): void => {
  expect([...world.temporary.values()]).toEqual([])
  for (const kind of ["run", "build", "unpack"] as const) expect(world.alive(kind)).toEqual([])
}

const check = <A>(arbitrary: FastCheck.Arbitrary<A>, property: (value: A) => Promise<void>, runs = RUNS) =>
  FastCheck.assert(
    FastCheck.asyncProperty(arbitrary, async (value) => {
      await property(value)
      // A build in memory never waits for the machine, and the test runner wants a turn now and then.
      await new Promise((resolve) => setImmediate(resolve))
    }),
    runs
  )

/** Sizes of specs: small ones for laws that take several builds a run. */
const small = { depth: 1, length: 3 }

const large = { depth: 2, length: 4 }

describe("a build of any spec", () => {
  it("succeeds, executes each step once and leaves nothing temporary", () =>
    check(Scenario.scenario(large), async (scenario) => {
      const world = newWorld(scenario)
      const id = await built(world, scenario)
      expect(world.results.has(id)).toBe(true)
      const ids = world.done("build").map(({ subject }) => subject)
      expect(new Set(ids).size).toBe(ids.length)
      expect(new Set(ids)).toEqual(new Set(world.results.keys()))
      expectNothingLeft(world)
    }))

  it("executes nothing the second time, and gives the same result", () =>
    check(Scenario.scenario(large), async (scenario) => {
      const world = newWorld(scenario)
      const first = await built(world, scenario)
      const [activities, before] = [world.activities.length, results(world)]
      expect(await built(world, scenario)).toBe(first)
      expect(world.activities).toHaveLength(activities)
      expect(results(world)).toEqual(before)
    }))

  it("names results as planned, but for what follows a copy from a nested build", () =>
    check(Scenario.scenario(large), async (scenario) => {
      const world = newWorld(scenario)
      await built(world, scenario)
      const plan = planNow(scenario)
      for (const stage of plan.stages) {
        let isPlanned = true
        for (const step of plan.steps.filter((step) => step.stage === stage.label)) {
          if (step.kind === "copy" && step.source.from === "build") isPlanned = false
          const meant = isPlanned ? step.id : world.realised.get(step.id)
          expect(meant !== undefined && world.results.has(meant)).toBe(true)
        }
      }
    }))

  it("gives the same results however many jobs it has, and never runs more steps at once", () =>
    check(
      FastCheck.tuple(Scenario.scenario(large), FastCheck.integer({ min: 2, max: 8 })),
      async ([scenario, jobs]) => {
        const [alone, together] = [newWorld(scenario), newWorld(scenario)]
        expect(await built(together, scenario, jobs)).toBe(await built(alone, scenario, 1))
        expectSameResults(together, alone)
        expect(together.mostAtOnce("build")).toBeLessThanOrEqual(jobs)
        expect(alone.mostAtOnce("build")).toBe(1)
        expectNothingLeft(together)
      }
    ))

  it("does not depend on what is in the store already", () =>
    check(FastCheck.tuple(Scenario.scenario(small), Scenario.spec(small)), async ([scenario, other]) => {
      const [fresh, used] = [newWorld(scenario), newWorld(scenario)]
      await built(used, { ...scenario, spec: other })
      const id = await built(fresh, scenario)
      expect(await built(used, scenario)).toBe(id)
      expect(used.listing(id)).toEqual(fresh.listing(id))
    }))
})

/** Two specs that begin alike. */
const overlapping: FastCheck.Arbitrary<readonly [Scenario.Scenario, Scenario.Scenario]> = FastCheck.tuple(
  Scenario.scenario(small),
  Scenario.operations([], 3, 20),
  FastCheck.nat()
).map(([scenario, more, cut]) => {
  const { ops } = scenario.spec
  const kept: ReadonlyArray<Op> = ops.slice(0, cut % (ops.length + 1))
  const other: Spec = { ...scenario.spec, ops: [...kept, ...more] }
  return [scenario, { ...scenario, spec: other }]
})

/**
 * After how many operations a fiber gives way to others, for other interleavings than usual. With fewer than about
 * ten, Effect itself makes no progress; and an interruption may then hang in its concurrent `forEach`.
 */
const turns = FastCheck.constantFrom(16, 17, 19, 23, 31, 64, 2048)

describe("two clients at the same time", () => {
  it("of one engine execute each step once between them, and get what they would have got alone", () =>
    check(FastCheck.tuple(overlapping, FastCheck.constantFrom(1, 3), turns), async ([[one, other], jobs, turns]) => {
      const [world, alone] = [newWorld(one), newWorld(one)]
      const both = Effect.all([building(one, jobs), building(other, jobs)], { concurrency: 2 }).pipe(
        Effect.withMaxOpsBeforeYield(turns)
      )
      const ids = await Effect.runPromise(Effect.provide(both, engine(world)))
      expect(ids).toEqual([await built(alone, one), await built(alone, other)])
      const executed = world.done("build").map(({ subject }) => subject)
      expect(new Set(executed).size).toBe(executed.length)
      expectSameResults(world, alone)
      expectNothingLeft(world)
    }))

  it("in two processes get what they would have got alone", () =>
    check(overlapping, async ([one, other]) => {
      const [world, alone] = [newWorld(one), newWorld(one)]
      const ids = await Promise.all([built(world, one), built(world, other)])
      expect(ids).toEqual([await built(alone, one), await built(alone, other)])
      expectSameResults(world, alone)
      expectNothingLeft(world)
    }))

  it("do not harm each other when one is interrupted anywhere", () =>
    check(FastCheck.tuple(overlapping, FastCheck.nat({ max: 60 })), async ([[one, other], patience]) => {
      const [world, alone] = [newWorld(one), newWorld(one)]
      const leaving = Effect.raceFirst(building(one, 2), Effect.repeatN(Effect.yieldNow(), patience)).pipe(
        Effect.ignore
      )
      const id = await Effect.runPromise(
        Effect.all([leaving, building(other, 2)], { concurrency: 2 }).pipe(
          Effect.map(([, id]) => id),
          Effect.provide(engine(world))
        )
      )
      expect(id).toBe(await built(alone, other))
      expectNothingLeft(world)
      await built(alone, one)
      expectResultsWithin(world, alone)
    }))
})

/** A spec, and one of the points that its build passes, at which something goes wrong. */
const broken = FastCheck.record({
  scenario: Scenario.scenario(small),
  jobs: FastCheck.constantFrom(1, 3),
  at: FastCheck.nat(),
  fault: FastCheck.constantFrom(...Faults.all)
})

/** The names of the points that a build passes when nothing goes wrong. */
const pointsOf = (scenario: Scenario.Scenario, jobs: number): Promise<ReadonlyArray<string>> =>
  Effect.gen(function* () {
    yield* building(scenario, jobs)
    return (yield* MemorySession.MemorySession).passed
  }).pipe(Effect.provide(engine(newWorld(scenario))), Effect.runPromise)

const brokenBuild = (
  world: MemoryWorld.MemoryWorld,
  scenario: Scenario.Scenario,
  jobs: number,
  faults: Faults.Faults
) => Effect.runPromise(Memory.run(world, Effect.provide(building(scenario, jobs), Engine.layer), faults))

describe("a build that was stopped at any point", () => {
  it("leaves only whole results, and building again gives what an undisturbed build gives", () =>
    check(
      broken,
      async ({ at, fault, jobs, scenario }) => {
        const undisturbed = newWorld(scenario)
        const expected = await built(undisturbed, scenario)
        const points = await pointsOf(scenario, jobs)
        const index = at % points.length
        const world = newWorld(scenario)
        const exit = await brokenBuild(world, scenario, jobs, Faults.at(index, fault))
        // A finalizer cannot fail, and an interruption may come when there is nothing left to interrupt.
        if (fault !== "Interrupt" && !Faults.isForgiven(points[index] ?? "")) expect(Exit.isFailure(exit)).toBe(true)
        if (fault !== "Crash") expectNothingLeft(world)
        expectResultsWithin(world, undisturbed)

        expect(await built(world, scenario, jobs)).toBe(expected)
        expectSameResults(world, undisturbed)
        expectNothingLeft(world)
      },
      { numRuns: 300 }
    ))

  it("can be stopped again and again, and is built in the end", () =>
    check(
      FastCheck.record({
        scenario: Scenario.scenario(small),
        stops: FastCheck.array(
          FastCheck.record({ at: FastCheck.nat({ max: 80 }), fault: FastCheck.constantFrom(...Faults.all) }),
          {
            minLength: 2,
            maxLength: 6
          }
        )
      }),
      async ({ scenario, stops }) => {
        const [undisturbed, world] = [newWorld(scenario), newWorld(scenario)]
        for (const { at, fault } of stops) await brokenBuild(world, scenario, 2, Faults.at(at, fault))
        expect(await built(world, scenario)).toBe(await built(undisturbed, scenario))
        expectSameResults(world, undisturbed)
        expectNothingLeft(world)
      }
    ))

  it("does not disturb another process that builds the same", () =>
    check(broken, async ({ at, fault, jobs, scenario }) => {
      const [undisturbed, world] = [newWorld(scenario), newWorld(scenario)]
      const [, id] = await Promise.all([
        brokenBuild(world, scenario, jobs, Faults.at(at % 80, fault)),
        built(world, scenario, jobs)
      ])
      expect(id).toBe(await built(undisturbed, scenario))
      expectSameResults(world, undisturbed)
    }))
})

describe("while another process deletes all that it can", () => {
  it("a build succeeds, whatever of it was there before, and gives what an undisturbed build gives", () =>
    check(
      FastCheck.tuple(Scenario.scenario(small), FastCheck.integer({ min: 1, max: 4 }), FastCheck.boolean()),
      async ([scenario, jobs, isThere]) => {
        const [undisturbed, world] = [newWorld(scenario), newWorld(scenario)]
        const expected = await built(undisturbed, scenario)
        if (isThere) await built(world, scenario)
        const telling = { removed: () => Effect.void, measured: () => Effect.void }
        const cleaning = LifeCycle.clean(telling).pipe(Effect.zipRight(Effect.yieldNow()), Effect.forever)
        const result = await Effect.runPromise(
          Effect.raceFirst(
            Effect.provide(building(scenario, jobs), engine(world)),
            Effect.provide(cleaning, Memory.layer(world))
          )
        )
        expect(result).toBe(expected)
        expectResultsWithin(world, undisturbed)
        for (const { info } of world.results.values()) {
          expect(Option.isNone(info.parent) || world.results.has(info.parent.value)).toBe(true)
        }
        expectNothingLeft(world)
      }
    ))
})

describe("early cutoff", () => {
  it("leaves everything after a copy cached when a nested build was executed again with the same files", () =>
    check(
      FastCheck.tuple(Scenario.bases, Scenario.context, Scenario.operations(["nested"], 5), Scenario.run(50)),
      async ([bases, context, ops, extra]) => {
        // The nested build's own last step does not reach what is copied from it.
        const withNested = (nested: ReadonlyArray<Op>): Scenario.Scenario => ({
          bases,
          context,
          secrets: new Map(["token", "key"].map((name) => [name, new Uint8Array(0)])),
          spec: {
            builds: [{ name: "nested", spec: { builds: [], from: "base", ops: nested } }],
            from: "other",
            ops: ops.map((op) =>
              op._tag === "Copy" && op.from._tag === "Build" ? { ...op, src: [Scenario.KEPT] } : op
            )
          }
        })
        const world = newWorld(withNested([]))
        const first = await built(world, withNested([]))
        const before = new Set(world.results.keys())
        expect(await built(world, withNested([extra]))).toBe(first)
        const added = [...world.results.values()].filter(({ info }) => !before.has(info.id))
        // Its own new step, and nothing else.
        expect(added.map(({ info }) => info.heading)).toEqual([heading("/", extra)])
      }
    ))
})
