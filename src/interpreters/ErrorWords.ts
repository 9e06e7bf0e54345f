/** What planning and building can fail with, in words. Pure. */
import * as Option from "effect/Option"
import { ocamlString } from "../domain/OcamlString.ts"
import { oneLine, shortId } from "../plan/PlanText.ts"
import type { Step } from "../plan/Plan.ts"
import type { BaseImageError } from "./BaseImages.ts"
import type { MissingSecret, StepFailed } from "./Build.ts"
import type { CommandFailed } from "./Sandbox.ts"
import type { UnknownId } from "./Store.ts"

/** What went wrong, in parts. */
export interface Explanation {
  readonly message: string
  /** Where, if the message does not say it. */
  readonly place: Option.Option<string>
  /** What to do about it. */
  readonly hint: Option.Option<string>
}

/** How whoever is told gives what is missing. */
export interface Advice {
  /** A secret of this name. */
  readonly secret: (id: string) => string
  /** More memory to a step. */
  readonly memory: string
}

/** Errors that have no words of their own. */
export type Wordless = StepFailed | MissingSecret | BaseImageError | UnknownId

export const explain = (error: Wordless, advice: Advice): Explanation => {
  switch (error._tag) {
    case "StepFailed":
      return stepFailed(error, advice)
    case "MissingSecret":
      return {
        message: `a step asks for the secret ${JSON.stringify(error.id)}, which is not given`,
        place: Option.some(placeOf(error.step)),
        hint: Option.some(advice.secret(error.id))
      }
    case "BaseImageError":
      return {
        message: error.message,
        place: Option.some(`in (from ${error.reference})`),
        hint: error.hint
      }
    case "UnknownId":
      return unknownId(error)
  }
}

const stepFailed = ({ reason: why, step }: StepFailed, advice: Advice): Explanation => {
  const [message, hint] =
    why._tag === "CommandFailed"
      ? commandFailed(why, advice)
      : [why.message, why._tag === "SourceError" ? why.hint : Option.none<string>()]
  return { message, place: Option.some(placeOf(step)), hint }
}

const commandFailed = ({ argv, outcome }: CommandFailed, advice: Advice): readonly [string, Option.Option<string>] => {
  const command = argv.map(ocamlString).join(" ")
  switch (outcome._tag) {
    case "Exit":
      return [`${command} failed with exit status ${outcome.status}`, Option.none()]
    case "Signal":
      return [`${command} was ended by ${outcome.signal}`, Option.none()]
    case "OutOfMemory":
      return [`${command} ran out of memory`, Option.some(advice.memory)]
    case "NotStarted":
      return [`${command} could not be started: ${outcome.reason}`, outcome.hint]
  }
}

const placeOf = (step: Step): string =>
  `in ${step.stage === "" ? "" : `the build ${ocamlString(step.stage)}, `}${oneLine(step.heading)}`

/** Digits of an id's beginning that are looked for. */
const SHORTEST = 4

const unknownId = ({ id, candidates }: UnknownId): Explanation => ({
  place: Option.none(),
  ...(candidates.length === 0
    ? {
        message:
          id.length < SHORTEST
            ? `${JSON.stringify(id)} is too short for an id`
            : `the store has no result ${JSON.stringify(id)}`,
        hint: id.length < SHORTEST ? Option.some(`Write at least ${SHORTEST} digits of it.`) : Option.none()
      }
    : {
        message: `more than one result's id begins with ${JSON.stringify(id)}`,
        hint: Option.some(`Write more of it: ${candidates.map(shortId).join(", ")}.`)
      })
})
