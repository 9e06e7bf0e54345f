/** Why the steps of a plan are to run: what is known of each, as text. Pure. */
import type { StepId } from "../domain/Digest.ts"
import { visible } from "../domain/DisplayText.ts"
import type { Change } from "./Change.ts"
import { counted, lines } from "./ChangeText.ts"
import type { Step } from "./Plan.ts"
import { oneLine, shortId } from "./PlanText.ts"

/** What a step is compared with. */
export interface Compared {
  /** Of a result; null for a step of another plan. */
  readonly id: StepId | null
  readonly heading: string
  /** When it was begun to be made, in milliseconds since 1970. */
  readonly made: number | null
}

export interface StepReport {
  /** Null for one that is gone: `earlier` says what it was. */
  readonly step: Step | null
  /** The id under which the store has it; null where it is to run. */
  readonly cached: StepId | null
  readonly earlier: Compared | null
  readonly changes: ReadonlyArray<Change>
}

export interface StageReport {
  readonly label: string
  /** Null for the main one. */
  readonly name: string | null
  /** Whether a build would run it: what is copied from others is in the store. */
  readonly isNeeded: boolean
  readonly steps: ReadonlyArray<StepReport>
}

/** Whether nothing would run, and nothing has changed. */
export const isQuiet = (stages: ReadonlyArray<StageReport>): boolean =>
  stages.every(
    ({ isNeeded, steps }) => !isNeeded || steps.every(({ cached, changes }) => cached !== null && changes.length === 0)
  )

/** `most` bounds how many files, and lines of a command, are shown of each step. */
export const render = (stages: ReadonlyArray<StageReport>, most: number): string => {
  const needed = stages.filter(({ isNeeded }) => isNeeded)
  const steps = needed.flatMap((stage) => stage.steps)
  if (isQuiet(stages)) return `Nothing is to run: ${howMany(steps.length)} cached.\n`
  return needed
    .flatMap((stage) => stageLines(stage, most))
    .map((line) => `${line}\n`)
    .join("")
}

const howMany = (count: number): string => (count === 1 ? "1 step is" : `${counted(count)} steps are`)

const stageLines = ({ label, name, steps }: StageReport, most: number): ReadonlyArray<string> => {
  const told = steps.filter(({ cached, changes }) => cached === null || changes.length > 0)
  const others = steps.length - told.length
  return [
    name === null ? "main:" : `build ${visible(label)}:`,
    ...(others > 0 ? [`  ${howMany(others)} cached`] : []),
    ...told.flatMap((one) => stepLines(one, most))
  ]
}

const stepLines = ({ cached, changes, earlier, step }: StepReport, most: number): ReadonlyArray<string> => {
  const heading = visible(oneLine(step?.heading ?? earlier?.heading ?? ""))
  const status = step === null ? "gone  " : cached === null ? "to run" : "cached"
  const reasons =
    changes.length > 0 || step === null || cached !== null
      ? changes.flatMap((change) => lines(change, most))
      : [earlier === null ? "nothing like it is in the store" : "nothing about it is other"]
  const since =
    earlier === null || earlier.id === null || step === null
      ? []
      : [`since ${shortId(earlier.id)}${earlier.made === null ? "" : ` of ${new Date(earlier.made).toISOString()}`}`]
  return [`  ${status}  ${heading}`, ...[...reasons, ...since].map((line) => `          ${line}`)]
}
