/** Which part of a spec a step of its plan comes from. Pure. */
import type { Spec } from "../domain/Spec.ts"
import type { Plan, Step } from "./Plan.ts"

/** The operation of a step, or, of a base, the spec that begins on it; none where the plan is not this spec's. */
export const nodeOf = (spec: Spec, plan: Plan, step: Step): object | undefined => {
  const stage = plan.stages.findIndex(({ label }) => label === step.stage)
  const one = specsOf(spec)[stage]
  if (one === undefined) return undefined
  const steps = plan.steps.filter((other) => other.stage === step.stage)
  const nodes = [one, ...one.ops.filter(({ _tag }) => _tag === "Run" || _tag === "Copy")]
  return nodes.length === steps.length ? nodes[steps.findIndex(({ id }) => id === step.id)] : undefined
}

/** As a plan has its stages: nested ones first. The reader has seen to it that they are not too deep. */
const specsOf = (spec: Spec): ReadonlyArray<Spec> => [...spec.builds.flatMap((build) => specsOf(build.spec)), spec]
