/** What the planner refuses in a spec whatever the bases and the source directory hold. */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { allSpecs } from "../domain/Bases.ts"
import type { Match, Rule } from "../domain/check/Rule.ts"
import * as Rules from "../domain/check/Rules.ts"
import * as Digest from "../domain/Digest.ts"
import { copyKey, type Inputs } from "../domain/Inputs.ts"
import type { Spec } from "../domain/Spec.ts"
import type { PlanError } from "./PlanError.ts"
import * as Planner from "./Planner.ts"

export const planRule: Rule = {
  name: "plan",
  severity: "error",
  summary: "an operation that cannot be carried out, such as a copy of several files to a name",
  why: "the build ends before it has begun",
  remedy: "what the message says",
  find: ({ parsed }) => [...matches(withoutVariables(parsed.spec)), ...matches(variablesOf(parsed.spec))]
}

const matches = (spec: Spec): ReadonlyArray<Match> => {
  const linux = refusal(spec, "linux/amd64")
  // On Windows other paths and users are right.
  if (linux === undefined || refusal(spec, "windows/amd64") === undefined) return []
  return [{ part: linux.node, message: linux.message, hint: Option.getOrUndefined(linux.hint) }]
}

/**
 * Each step's id is made of all variables that it has: where there are many of
 * both, that takes long, and no variable makes anything else right or wrong.
 */
const withoutVariables = (spec: Spec): Spec => ({
  ...spec,
  builds: spec.builds.map(({ name, spec }) => ({ name, spec: withoutVariables(spec) })),
  ops: spec.ops.filter(({ _tag }) => _tag !== "Env")
})

const variablesOf = (spec: Spec): Spec => ({
  builds: [],
  from: spec.from,
  ops: allSpecs(spec).flatMap(({ ops }) => ops.filter(({ _tag }) => _tag === "Env"))
})

/** The rules that look at a spec alone, and the planner. */
export const allRules: ReadonlyArray<Rule> = [planRule, ...Rules.all]

const refusal = (spec: Spec, platform: string): PlanError | undefined =>
  Either.getOrUndefined(Either.flip(Planner.plan(spec, anything(spec, platform))))

/** As if all bases and files were there. */
const anything = (spec: Spec, platform: string): Inputs => {
  const specs = allSpecs(spec)
  const digest = Digest.sha256("")
  return {
    bases: new Map(specs.map(({ from }) => [from, { format: "oci", digest, platform, environment: [] }])),
    copies: new Map(
      specs.flatMap(({ ops }) => ops.flatMap((op) => (op._tag === "Copy" ? [[copyKey(op), []] as const] : [])))
    )
  }
}
