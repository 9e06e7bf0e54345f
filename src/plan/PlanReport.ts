/**
 * A plan with what the store has of it: what `--dry-run --format=json` prints.
 * `docs/plan.schema.json` is made from {@link PlanReport}; `PlanJson.ts` writes one.
 */
import * as Schema from "effect/Schema"
import { StepId } from "../domain/Digest.ts"
import { BaseStep, CopyStep, Plan, RunStep } from "./Plan.ts"

const status = Schema.Struct({
  /** The store has the step's result. */
  cached: Schema.Boolean,
  /** The id under which the store has it; null where it has not. */
  realised: Schema.NullOr(StepId)
})

export const PlanReport = Schema.Struct({
  ...Plan.fields,
  /** Parents before children. */
  steps: Schema.Array(
    Schema.Union(
      Schema.Struct({ ...BaseStep.fields, ...status.fields }),
      Schema.Struct({ ...RunStep.fields, ...status.fields }),
      Schema.Struct({ ...CopyStep.fields, ...status.fields })
    )
  )
}).annotations({
  identifier: "PlanReport",
  title: "A plan of obuilder, as obuilder build --dry-run --format=json prints it"
})
export type PlanReport = typeof PlanReport.Type
