import { afterEach, describe, expect, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import { sha256 } from "../../src/domain/Digest.ts"
import { copyKey, type Inputs } from "../../src/domain/Inputs.ts"
import type { Manifest } from "../../src/domain/Manifest.ts"
import { type Op, Spec } from "../../src/domain/Spec.ts"
import * as SpecText from "../../src/domain/SpecText.ts"
import * as Scenario from "../../src/interpreters/memory/Scenario.ts"
import { byStage, Plan, type Step } from "../../src/plan/Plan.ts"
import { plan, refusal } from "../../src/plan/Planner.ts"
import { copy, inputsNow, planNow, type Setup, spec } from "../interpreters/builds.ts"
import { baseVariations, type Probe, variations, withoutEffect } from "./variations.ts"

const RUNS = { numRuns: 200 }

/** For each of the many variations of one law, which together make more than a thousand runs. */
const EACH = { numRuns: 40 }

const ZERO = sha256("")

// Nothing here ever waits, and the test runner wants a turn now and then.
afterEach(() => new Promise<void>((resolve) => setImmediate(resolve)))

const ids = (steps: ReadonlyArray<Step>): ReadonlyArray<string> => steps.map((step) => step.id)

const stepsIn = (plan: Plan, stage: string): ReadonlyArray<Step> => plan.steps.filter((step) => step.stage === stage)

describe("a plan", () => {
  it("is the same each time", () => {
    FastCheck.assert(
      FastCheck.property(Scenario.scenario(), (scenario) => {
        expect(planNow(scenario)).toEqual(planNow(scenario))
      }),
      RUNS
    )
  })

  it("does not depend on the order of keys, of map entries, or of directory entries", () => {
    FastCheck.assert(
      FastCheck.property(Scenario.scenario(), (scenario) => {
        const inputs = inputsNow(scenario)
        const reordered = plan(reversedKeys(scenario.spec), {
          bases: new Map([...inputs.bases].reverse().map(([name, base]) => [name, reversedKeys(base)])),
          copies: new Map([...inputs.copies].reverse().map(([key, items]) => [key, reversedKeys(items)]))
        })
        expect(reordered).toEqual(plan(scenario.spec, inputs))
        expect(planNow({ ...scenario, context: reversedKeys(scenario.context) })).toEqual(planNow(scenario))
      }),
      RUNS
    )
  })

  it("does not depend on where the source directory is, or on what else is around", () => {
    FastCheck.assert(
      FastCheck.property(Scenario.scenario(), (scenario) => {
        const inputs = inputsNow(scenario)
        const more: Inputs = {
          bases: new Map([
            ...inputs.bases,
            ["unused", { format: "oci", digest: ZERO, platform: "linux/s390x", environment: [] }]
          ]),
          copies: new Map([
            ...inputs.copies,
            [copyKey({ src: ["unused"], exclude: [] }), [] as ReadonlyArray<Manifest>]
          ])
        }
        expect(plan(scenario.spec, more)).toEqual(plan(scenario.spec, inputs))
      }),
      RUNS
    )
  })

  it("names its steps alike wherever a base with the same digest was found", () => {
    FastCheck.assert(
      FastCheck.property(Scenario.scenario(), (scenario) => {
        const renamed = {
          ...scenario,
          bases: Object.fromEntries(
            Object.entries(scenario.bases).map(([name, base]) => [`oci:/elsewhere/${name}`, base])
          ),
          spec: renameBases(scenario.spec)
        }
        expect(ids(planNow(renamed).steps)).toEqual(ids(planNow(scenario).steps))
      }),
      RUNS
    )
  })

  it("can be written as JSON and read back", () => {
    const decode = Schema.decodeUnknownSync(Schema.parseJson(Plan), { onExcessProperty: "error" })
    const encode = Schema.encodeSync(Schema.parseJson(Plan))
    FastCheck.assert(
      FastCheck.property(Scenario.scenario(), (scenario) => {
        const made = planNow(scenario)
        expect(decode(encode(made))).toEqual(made)
      }),
      RUNS
    )
  })

  it("lists parents before children and stages before those that copy from them", () => {
    FastCheck.assert(
      FastCheck.property(Scenario.scenario(), (scenario) => {
        const made = planNow(scenario)
        const labels = made.stages.map((stage) => stage.label)
        expect(new Set(labels).size).toBe(labels.length)
        expect(labels.at(-1)).toBe("")
        expect(made.steps).toEqual(byStage(made).flatMap(([, steps]) => steps))
        for (const [index, [stage, steps]] of byStage(made).entries()) {
          expect(steps[0]?.kind).toBe("base")
          expect(steps.map((step) => step.parent)).toEqual([null, ...ids(steps).slice(0, -1)])
          expect(stage.result).toBe(steps.at(-1)?.id)
          for (const step of steps) {
            if (step.kind !== "copy" || step.source.from !== "build") continue
            const { build, step: result } = step.source
            const from = made.stages.slice(0, index).find(({ label }) => label === build)
            expect(from?.result).toBe(result)
          }
        }
        expect(made.result).toBe(made.stages.at(-1)?.result)
      }),
      RUNS
    )
  })

  it("shows every operation of the spec once, in the order of the spec", () => {
    FastCheck.assert(
      FastCheck.property(Scenario.scenario(), (scenario) => {
        const made = planNow(scenario)
        const shown = byStage(made).flatMap(([stage, steps]) => [
          ...steps.flatMap((step) => [...step.preamble, step.heading]),
          ...stage.trailing
        ])
        expect(shown).toHaveLength(countHeadings(scenario.spec))
      }),
      RUNS
    )
  })

  it("labels nested builds of one name in their order, and a copy means the last one before it", () => {
    const nested = (n: number) => `(build a ((from base) (env N "${n}") (run (shell "n ${n}"))))`
    const made = plannedFor(
      parse(`(${nested(1)} ${nested(2)} ${nested(3)} (from base) (copy (from (build a)) (src x) (dst y)))`)
    )
    expect(made.stages.map(({ label }) => label)).toEqual(["a", "a#2", "a#3", ""])
    expect(made.steps.at(-1)).toMatchObject({ source: { build: "a#3", step: made.stages[2]?.result } })
  })

  it("is made for 20,000 of anything", () => {
    const many = (one: (n: number) => string) => Array.from({ length: 20_000 }, (_, n) => one(n)).join("\n")
    const sizes = (text: string) => {
      const { stages, steps } = plannedFor(parse(text))
      return [stages.length, steps.length]
    }
    expect(sizes(`((from base) ${many((n) => `(env A${n} "b")`)} (run (shell x)))`)).toEqual([1, 2])
    expect(sizes(`(${many(() => "(build a ((from base)))")} (from base))`)).toEqual([20_001, 20_001])
    expect(sizes(`(${many((n) => `(build a${n} ((from base)))`)} (from base))`)).toEqual([20_001, 20_001])
    expect(sizes(`((from base) ${many((n) => `(run (shell "${n}"))`)})`)).toEqual([1, 20_001])
  })

  it("is made, or refused with a reason, for any spec whatever", () => {
    FastCheck.assert(
      FastCheck.property(Arbitrary.make(Spec), FastCheck.boolean(), (anything, known) => {
        const inputs = known ? knowing(anything) : { bases: new Map(), copies: new Map() }
        const result = plan(anything, inputs)
        expect(refusal(anything, inputs)).toEqual(Either.getOrUndefined(Either.flip(result)))
        if (Either.isLeft(result)) expect(result.left.message).not.toBe("")
        else expect(Schema.is(Plan)(result.right)).toBe(true)
      }),
      RUNS
    )
  })
})

describe("why a plan is refused", () => {
  it("is found out where much is set for many steps, which together do not fit into memory", () => {
    const text = `((from base) (shell ${"a ".repeat(100_000)}) ${'(run (shell "x"))'.repeat(30_000)} (run (network x) (shell x)))`
    const large = parse(text)
    expect(refusal(large, knowing(large))).toMatchObject({ message: 'the network "x" is not known' })
  })

  it("may be that its steps would not fit into memory", () => {
    const wide = "a".repeat(300_000)
    const large = parse(
      `((from base) (shell ${wide}) (env A ${wide}) (user (name ${wide})) ${'(run (shell "x"))'.repeat(300)})`
    )
    expect(Either.flip(plan(large, knowing(large)))).toMatchObject({
      right: {
        node: large.ops[225],
        message: "the steps up to this one have more than 200 million characters set for them"
      }
    })
  })

  it("may be that relative directories add up to more than a system takes", () => {
    const short = parse(`((from base) ${"(workdir a)".repeat(2047)})`)
    expect(refusal(short, knowing(short))).toBeUndefined()
    const one = parse(`((from base) ${"(workdir a)".repeat(2048)} (workdir /a))`)
    expect(refusal(one, knowing(one))).toMatchObject({
      node: one.ops[2047],
      message: "this working directory has a path of more than 4095 characters"
    })
  })
})

/** A build around a probe: some steps before it and some after it. */
interface Around {
  readonly setup: Omit<Setup, "spec">
  readonly before: ReadonlyArray<Op>
  readonly after: ReadonlyArray<Op>
}

/** Operations that see nothing of the probe's source files, with at least one step after it. */
const around: FastCheck.Arbitrary<Around> = FastCheck.record({
  setup: FastCheck.record({ bases: Scenario.bases, context: Scenario.context }),
  before: Scenario.operations([], 3),
  after: Scenario.operations([], 3),
  last: Scenario.run(99)
}).map(({ after, before, last, setup }) => ({
  setup,
  before: before.filter(isApart),
  after: [...after.filter(isApart), last]
}))

const isApart = (op: Op): boolean => op._tag !== "Copy" || !op.src.includes(".")

const withProbe = ({ setup, before, after }: Around, probe: Probe, where: "main" | "nested"): Setup => {
  const probed = spec("base", [...before, ...probe.ops, ...after])
  return {
    bases: setup.bases,
    context: { ...setup.context, ...probe.context },
    spec:
      where === "main"
        ? probed
        : spec("other", [...before, copy([Scenario.KEPT], "/probed/", { from: "nested" }), ...after], {
            nested: probed
          })
  }
}

/** How many of these operations are steps. */
const countSteps = (ops: ReadonlyArray<Op>): number =>
  ops.filter((op) => op._tag === "Run" || op._tag === "Copy").length

/** The two plans' ids are the same before `index`, and all different from there on. */
const expectChangedFrom = (one: ReadonlyArray<Step>, other: ReadonlyArray<Step>, index: number): void => {
  expect(ids(one).slice(0, index)).toEqual(ids(other).slice(0, index))
  expect(one.length).toBe(other.length)
  expect(one.length).toBeGreaterThan(index)
  for (let n = index; n < one.length; n++) expect(one[n]?.id).not.toBe(other[n]?.id)
}

describe("what is an input of a step changes its id and those of all later steps, and no earlier one", () => {
  for (const [name, [one, other]] of Object.entries(variations)) {
    it(name, () => {
      FastCheck.assert(
        FastCheck.property(around, (around) => {
          const plans = [planNow(withProbe(around, one, "main")), planNow(withProbe(around, other, "main"))] as const
          // The base is the first step; a probe's own last operation is its step.
          expectChangedFrom(plans[0].steps, plans[1].steps, 1 + countSteps(around.before))
        }),
        EACH
      )
    })
  }

  it("in a nested build, it changes what copies from that build and what follows there", () => {
    FastCheck.assert(
      FastCheck.property(around, FastCheck.constantFrom(...Object.values(variations)), (around, [one, other]) => {
        const plans = [planNow(withProbe(around, one, "nested")), planNow(withProbe(around, other, "nested"))] as const
        const index = 1 + countSteps(around.before)
        for (const stage of ["nested", ""]) expectChangedFrom(stepsIn(plans[0], stage), stepsIn(plans[1], stage), index)
      }),
      RUNS
    )
  })

  for (const [name, [one, other]] of Object.entries(baseVariations)) {
    it(name, () => {
      FastCheck.assert(
        FastCheck.property(around, (around) => {
          const of = (base: typeof one) =>
            planNow({ ...withProbe(around, { ops: [] }, "main"), bases: { ...around.setup.bases, base } })
          expectChangedFrom(of(one).steps, of(other).steps, 0)
        }),
        EACH
      )
    })
  }
})

describe("what is no input of a step changes no id", () => {
  for (const [name, [one, other]] of Object.entries(withoutEffect)) {
    it(name, () => {
      FastCheck.assert(
        FastCheck.property(around, (around) => {
          for (const where of ["main", "nested"] as const) {
            expect(ids(planNow(withProbe(around, one, where)).steps)).toEqual(
              ids(planNow(withProbe(around, other, where)).steps)
            )
          }
        }),
        EACH
      )
    })
  }
})

/** The same data with the keys of every object the other way round. */
const reversedKeys = <A>(data: A): A => {
  const reverse = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reverse)
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([key, item]) => [key, reverse(item)])
    )
  }
  return reverse(data) as A
}

const parse = (text: string): Spec => Either.getOrThrow(SpecText.parse(text, { file: "test" })).spec

const plannedFor = (spec: Spec): Plan => Either.getOrThrow(plan(spec, knowing(spec)))

const renameBases = ({ builds, from, ops }: Spec): Spec => ({
  builds: builds.map((nested) => ({ name: nested.name, spec: renameBases(nested.spec) })),
  from: `oci:/elsewhere/${from}`,
  ops
})

/** One for the base, one for each operation, one for the beginning of each nested build. */
const countHeadings = ({ builds, ops }: Spec): number =>
  1 + ops.length + builds.reduce((sum, nested) => sum + 1 + countHeadings(nested.spec), 0)

/** Inputs that have an answer for everything that a spec asks. */
const knowing = (anything: Spec): Inputs => {
  const specs: Array<Spec> = [anything]
  for (const one of specs) specs.push(...one.builds.map((nested) => nested.spec))
  const item: Manifest = { path: "", root: { _tag: "Directory", name: "", entries: [] } }
  const copies = specs.flatMap((one) => one.ops.filter((op) => op._tag === "Copy"))
  return {
    bases: new Map(
      specs.map((one) => [one.from, { format: "oci", digest: ZERO, platform: "linux/amd64", environment: [] }])
    ),
    copies: new Map(copies.map((one) => [copyKey(one), one.src.map(() => item)]))
  }
}
