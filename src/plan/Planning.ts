/** Plans of specs as people have them: built in code, or as text. Pure. */
import * as Either from "effect/Either"
import { blameSpec } from "../domain/SpecBlame.ts"
import type { Inputs } from "../domain/Inputs.ts"
import type { InvalidSpec } from "../domain/InvalidSpec.ts"
import * as SpecBuilder from "../domain/SpecBuilder.ts"
import type { SpecError } from "../domain/SpecError.ts"
import type { Plan } from "./Plan.ts"
import * as Planner from "./Planner.ts"

/** What is wrong with a spec: in its text, or in one that was built in code. */
export type WrongSpec = SpecError | InvalidSpec

/** The same spec and inputs always give the same plan. What the inputs are, `Engine.plan` finds out. */
export const make = (spec: SpecBuilder.Spec | string, inputs: Inputs): Either.Either<Plan, WrongSpec> =>
  Either.flatMap(specOf(spec), (spec) =>
    Either.flatMap(SpecBuilder.make(spec), (data) =>
      Either.mapLeft(Planner.plan(data, inputs), (error) => blameSpec(spec, error.node, error))
    )
  )

/** A spec, whether it is one or the text of one. */
export const specOf = (spec: SpecBuilder.Spec | string): Either.Either<SpecBuilder.Spec, SpecError> =>
  typeof spec === "string" ? SpecBuilder.parse(spec) : Either.right(spec)
