import { describe, expect, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import type { Copy, Run, Spec } from "../../src/domain/Spec.ts"
import * as Scenario from "../../src/interpreters/memory/Scenario.ts"
import { nodeOf } from "../../src/plan/StepPlace.ts"
import { planNow, spec } from "../interpreters/builds.ts"

describe("where a step is written", () => {
  it("is the operation that it was made of, in whichever build", () => {
    FastCheck.assert(
      FastCheck.property(Scenario.scenario(), (scenario) => {
        const plan = planNow(scenario)
        for (const step of plan.steps) {
          const node = nodeOf(scenario.spec, plan, step)
          if (step.kind === "base") expect((node as Spec).from).toBe(step.reference)
          else if (step.kind === "run") expect((node as Run).shell).toBe(step.argv.at(-1))
          else expect([(node as Copy).src, (node as Copy).exclude]).toEqual([step.src, step.exclude])
        }
      }),
      { numRuns: 100 }
    )
  })

  it("is nowhere in another spec", () => {
    FastCheck.assert(
      FastCheck.property(Scenario.scenario(), (scenario) => {
        const plan = planNow(scenario)
        const other = spec("other", [
          ...scenario.spec.ops,
          { _tag: "Run", cache: [], network: [], secrets: [], shell: "x" }
        ])
        expect(
          plan.steps
            .filter(({ stage }) => stage === "")
            .map((step) => nodeOf({ ...other, builds: scenario.spec.builds }, plan, step))
        ).toEqual(plan.steps.filter(({ stage }) => stage === "").map(() => undefined))
      }),
      { numRuns: 20 }
    )
  })
})
