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

/** A heading without its line breaks; what of it is a spec's text still is. */
export const oneLine = (heading: string): string => {
  const lines = heading.replace(INDENTED_ATOM, "$1").replace(CONTINUATION, "").split("\n")
  const last = lines.length - 1
  return lines
    .map((line, index) => {
      const begun = index === 0 ? line : line.trimStart()
      return index === last ? begun : begun.trimEnd()
    })
    .filter((line, index) => line !== "" || index === 0 || index === last)
    .join(" ")
}

/** The first line of an atom that is laid out as several: it has a blank more before it. */
const INDENTED_ATOM = / ( "(?:[^"\\\n]|\\[^\n])*\\\n)/g

/** Where the next line of an atom begins. */
const CONTINUATION = /\\\n *(?=\\n)/g
