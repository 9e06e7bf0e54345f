/** A plan as text: one line a step, stage by stage. Pure. */
import type { StepId } from "../domain/Digest.ts"
import { visible } from "../domain/DisplayText.ts"
import { byStage, type Plan, type Stage, type Step } from "./Plan.ts"

/** The realised ids of the steps whose results the store has. */
export type Cached = ReadonlyMap<Step, StepId>

/**
 * A line a step: its planned id, whether its result is in the store, the
 * beginning of its parent's id, and what it is. The last line is the result.
 */
export const render = (plan: Plan, cached: Cached): string =>
  [...byStage(plan).flatMap(([stage, steps]) => stageLines(stage, steps, cached)), `result ${plan.result}`, ""].join(
    "\n"
  )

const stageLines = (stage: Stage, steps: ReadonlyArray<Step>, cached: Cached): ReadonlyArray<string> => [
  stage.name === null ? "main:" : `build ${visible(stage.label)}:`,
  ...steps.map((step) =>
    [
      `  ${step.id}`,
      cached.has(step) ? "cached" : "to run",
      step.parent === null ? "-".padEnd(SHORT) : shortId(step.parent),
      oneLine(step.heading)
    ].join("  ")
  ),
  ""
]

const SHORT = 12

/** Enough of an id for a person to tell it from others. */
export const shortId = (id: StepId): string => id.slice(0, SHORT)

/** A heading without its line breaks. */
export const oneLine = (heading: string): string => heading.replace(/\s*\n\s*/g, " ")
