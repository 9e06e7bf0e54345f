/**
 * A plan: what a spec comes to, as content-addressed steps.
 *
 * Plain data that can be written as JSON and read back. `docs/plan-format.md`
 * documents it; `Planner.ts` makes it; the engine interprets it.
 */
import * as Schema from "effect/Schema"
import { Digest, StepId } from "../domain/Digest.ts"
import { ImageSettings } from "../domain/ImageSettings.ts"
import { BaseFormat, Variable } from "../domain/Inputs.ts"
import { User } from "../domain/Spec.ts"

// Fields that all steps have. They are written out in each, since a schema that is spread together cannot be left out
// of a program that does not use it.
/** The planned id. */
const id = StepId
/** The label of the stage that the step belongs to. */
const stage = Schema.String
/** Headings of the operations since the last step that only changed the context. */
const preamble = Schema.Array(Schema.String)
/** The step in one line (or a few), as the log shows it. */
const heading = Schema.String

export const BaseStep = Schema.Struct({
  kind: Schema.Literal("base"),
  id,
  stage,
  preamble,
  heading,
  parent: Schema.Null,
  reference: Schema.String,
  format: BaseFormat,
  digest: Digest,
  platform: Schema.String,
  /** The base's own environment, which its digest determines. */
  environment: Schema.Array(Variable)
})
export type BaseStep = typeof BaseStep.Type

/** Where a cache or a secret is mounted; `target` is absolute. */
export const PlannedMount = Schema.Struct({ id: Schema.String, target: Schema.String })
export type PlannedMount = typeof PlannedMount.Type

export const RunStep = Schema.Struct({
  kind: Schema.Literal("run"),
  id,
  stage,
  preamble,
  heading,
  parent: StepId,
  argv: Schema.Array(Schema.String),
  /** Absolute. */
  cwd: Schema.String,
  user: User,
  /** What the spec set, sorted by name; the base's comes before it. */
  environment: Schema.Array(Variable),
  network: Schema.Literal("none", "host"),
  caches: Schema.Array(PlannedMount),
  secrets: Schema.Array(PlannedMount)
})
export type RunStep = typeof RunStep.Type

export const CopySource = Schema.Union(
  /** From the source directory: `digest` is the manifest's. */
  Schema.Struct({ from: Schema.Literal("context"), digest: Digest }),
  /** From a nested build: the label of its stage, and the planned id of its last step. */
  Schema.Struct({ from: Schema.Literal("build"), build: Schema.String, step: StepId })
)
export type CopySource = typeof CopySource.Type

export const Destination = Schema.Struct({
  form: Schema.Literal("Into", "As"),
  /** Absolute, without empty components and `.`. */
  path: Schema.String
})
export type Destination = typeof Destination.Type

export const CopyStep = Schema.Struct({
  kind: Schema.Literal("copy"),
  id,
  stage,
  preamble,
  heading,
  parent: StepId,
  source: CopySource,
  src: Schema.Array(Schema.String),
  exclude: Schema.Array(Schema.String),
  /** A directory gives what it holds in place of itself. */
  contents: Schema.optionalWith(Schema.Literal(true), { exact: true }),
  /** What is kept as it is in the source: each once, modes first, and never nothing. */
  preserve: Schema.optionalWith(Schema.Array(Schema.Literal("modes", "owners")), { exact: true }),
  destination: Destination,
  user: User
})
export type CopyStep = typeof CopyStep.Type

export const Step = Schema.Union(BaseStep, RunStep, CopyStep)
export type Step = typeof Step.Type

/** How what is in a result is meant to be run: what the spec says of it, where it says anything. */
export const Settings = Schema.Struct({
  /** What the spec set, sorted by name; the base's comes before it. */
  environment: Schema.Array(Variable),
  /** Null where the spec names none: the base's own. */
  user: Schema.NullOr(User),
  /** Absolute. Null where the spec names none: the base's own. */
  workdir: Schema.NullOr(Schema.String),
  /** What no spec says: there where the plan was made of a Dockerfile. */
  image: Schema.optionalWith(ImageSettings, { exact: true })
})
export type Settings = typeof Settings.Type

/** A spec, nested or the main one: a chain of steps on one base. */
export const Stage = Schema.Struct({
  /** Unique in the plan: the names of nested builds from the outermost in, joined with `/`; empty for the main spec. */
  label: Schema.String,
  /** The nested build's own name; null for the main spec. */
  name: Schema.NullOr(Schema.String),
  /** The planned id of the last step. */
  result: StepId,
  /** Headings of the operations after the last step. */
  trailing: Schema.Array(Schema.String),
  /** Of the stage's result: what its operations come to at its end. */
  settings: Settings
})
export type Stage = typeof Stage.Type

export const Plan = Schema.Struct({
  version: Schema.Literal(1),
  /** A nested build comes before whatever may copy from it; the main spec is last. */
  stages: Schema.Array(Stage),
  /** Stage by stage, parents before children. A step that two stages share is listed in both. */
  steps: Schema.Array(Step),
  /** The planned id of the main spec's last step. */
  result: StepId
})
export type Plan = typeof Plan.Type

/** The stages, each with its steps in order. */
export const byStage = (plan: Plan): ReadonlyArray<readonly [Stage, ReadonlyArray<Step>]> => {
  const steps = new Map<string, Array<Step>>(plan.stages.map(({ label }) => [label, []]))
  for (const step of plan.steps) steps.get(step.stage)?.push(step)
  return plan.stages.map((stage) => [stage, steps.get(stage.label) ?? []])
}
