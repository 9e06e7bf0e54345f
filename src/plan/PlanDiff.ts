/** What is other from one plan to another: which stages and steps, and what about them. Pure. */
import { visible } from "../domain/DisplayText.ts"
import type { Manifest } from "../domain/Manifest.ts"
import { type Change } from "./Change.ts"
import { counted, lines } from "./ChangeText.ts"
import { compare as compareSteps, isOther } from "./Comparison.ts"
import { type Facts, planned } from "./Explain.ts"
import { byStage, type Plan, type Settings, type Step } from "./Plan.ts"
import { oneLine } from "./PlanText.ts"

/** A plan, and the files of its copies where they are known. */
export interface KnownPlan {
  readonly plan: Plan
  readonly files: (step: Step) => ReadonlyArray<Manifest> | undefined
}

/** A step that is other, new (`before` is null), or gone (`after` is null). */
export interface StepDiff {
  readonly before: Step | null
  readonly after: Step | null
  /** Of the step's own. What only follows from steps before it is not said. */
  readonly changes: ReadonlyArray<Change>
}

export interface StageDiff {
  readonly label: string
  readonly status: "same" | "changed" | "new" | "gone"
  /** How many steps are what they were. */
  readonly same: number
  readonly steps: ReadonlyArray<StepDiff>
  /** How the stage's result is to be run. */
  readonly settings: ReadonlyArray<Change>
}

/** Stage by stage, in the order of the second plan; those that are gone come last. */
export const compare = (before: KnownPlan, after: KnownPlan): ReadonlyArray<StageDiff> => {
  const was = new Map(byStage(before.plan).map(([stage, steps]) => [stage.label, { stage, steps }]))
  const found = byStage(after.plan).map(([stage, steps]): StageDiff => {
    const earlier = was.get(stage.label)
    was.delete(stage.label)
    const old = earlier?.steps ?? []
    const compared = compareSteps(factsOf(old, before), factsOf(steps, after))
    const others = compared.filter(isOther).map((one): StepDiff => ({
      before: one.before === null ? null : (old[one.before] ?? null),
      after: one.after === null ? null : (steps[one.after] ?? null),
      changes: one.changes
    }))
    const settings = earlier === undefined ? [] : settingsChanges(earlier.stage.settings, stage.settings)
    const status = earlier === undefined ? "new" : others.length + settings.length > 0 ? "changed" : "same"
    return { label: stage.label, status, same: compared.length - others.length, steps: others, settings }
  })
  const gone = [...was].map(([label, { steps }]): StageDiff => ({
    label,
    status: "gone",
    same: 0,
    steps: steps.map((step) => ({ before: step, after: null, changes: [] })),
    settings: []
  }))
  return [...found, ...gone]
}

const factsOf = (steps: ReadonlyArray<Step>, { files }: KnownPlan): ReadonlyArray<Facts> =>
  steps.map((step) => planned(step, files(step)))

/** What is other about how a result is to be run. */
export const settingsChanges = (before: Settings, after: Settings): ReadonlyArray<Change> => {
  const values = ({ environment }: Settings) => new Map(environment.map(({ name, value }) => [name, value]))
  const [was, is] = [values(before), values(after)]
  const variables = [...new Set([...was.keys(), ...is.keys()])].sort().flatMap((name): ReadonlyArray<Change> => {
    const [then, now] = [was.get(name) ?? null, is.get(name) ?? null]
    return then === now ? [] : [{ _tag: "Variable", name, before: then, after: now }]
  })
  return [
    ...variables,
    ...(JSON.stringify(before.user) === JSON.stringify(after.user)
      ? []
      : [{ _tag: "RunBy", before: before.user, after: after.user } as const]),
    ...(before.workdir === after.workdir
      ? []
      : [{ _tag: "RunIn", before: before.workdir, after: after.workdir } as const])
  ]
}

/** Empty where nothing is other. `most` bounds how many files, and lines of a command, are shown of each step. */
export const render = (stages: ReadonlyArray<StageDiff>, most: number): string =>
  stages
    .filter(({ status }) => status !== "same")
    .flatMap((stage) => stageLines(stage, most))
    .map((line) => `${line}\n`)
    .join("")

const stageLines = ({ label, same, settings, status, steps }: StageDiff, most: number): ReadonlyArray<string> => [
  `${label === "" ? "main" : `build ${visible(label)}`}:${status === "changed" ? "" : ` ${status}`}`,
  ...(same > 0 ? [`  ${same === 1 ? "1 step is" : `${counted(same)} steps are`} the same`] : []),
  ...steps.flatMap(({ after, before, changes }) => [
    `  ${before === null ? "new    " : after === null ? "gone   " : "changed"}  ${visible(oneLine((after ?? before)?.heading ?? ""))}`,
    ...(before === null ? [] : changes.flatMap((change) => lines(change, most)).map((line) => `           ${line}`))
  ]),
  ...settings.flatMap((change) => lines(change, most)).map((line) => `  ${line}`)
]
