/** A plan as JSON, with what the store has of it. Pure. `PlanReport.ts` says what is in it. */
import type { Plan } from "./Plan.ts"
import type { PlanReport } from "./PlanReport.ts"
import type { Cached } from "./PlanText.ts"

export const report = (plan: Plan, cached: Cached): PlanReport => ({
  ...plan,
  steps: plan.steps.map((step) => ({ ...step, cached: cached.has(step), realised: cached.get(step) ?? null }))
})

/** One line a field, ending with a line end. The types of a report are those of its JSON. */
export const render = (plan: Plan, cached: Cached): string => `${JSON.stringify(report(plan, cached), null, 2)}\n`
