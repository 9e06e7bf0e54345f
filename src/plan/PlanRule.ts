/** What the planner refuses in a spec whatever the bases and the source directory hold. */
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
  find: ({ parsed }): ReadonlyArray<Match> => {
    const linux = refusal(parsed.spec, "linux/amd64")
    // On Windows other paths and users are right.
    if (linux === undefined || refusal(parsed.spec, "windows/amd64") === undefined) return []
    return [{ part: linux.node, message: linux.message, hint: Option.getOrUndefined(linux.hint) }]
  }
}

/** The rules that look at a spec alone, and the planner. */
export const allRules: ReadonlyArray<Rule> = [planRule, ...Rules.all]

const refusal = (spec: Spec, platform: string): PlanError | undefined => Planner.refusal(spec, anything(spec, platform))

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
