/** Errors of the library as text, for logs and for people. Pure. */
import * as Option from "effect/Option"
import * as Diagnostic from "../domain/Diagnostic.ts"
import { shortId } from "../plan/PlanText.ts"
import type { BuildError, StepCancelled } from "./Build.ts"
import { type Advice, explain, type Explanation } from "./ErrorWords.ts"
import type { Unhealthy } from "./Healthcheck.ts"
import type { ResultsInUse } from "./LifeCycle.ts"
import type { PrepareError } from "./Prepare.ts"

/** All that an engine's effects can fail with. */
export type EngineError = BuildError | PrepareError | StepCancelled | ResultsInUse | Unhealthy

/** What went wrong, where, and what to do about it: lines, of which the first one says what; no line end at the end. */
export const describe = (error: EngineError): string => {
  if (error._tag === "SpecError") return Diagnostic.render(error, { color: false })
  const { hint, message, place } = explained(error)
  const notes = [...Option.toArray(place), ...Option.toArray(hint)]
  return [message, ...notes.map((text) => `  ${text.replaceAll("\n", "\n  ")}`)].join("\n")
}

const explained = (error: Exclude<EngineError, { readonly _tag: "SpecError" }>): Explanation => {
  switch (error._tag) {
    case "StepFailed":
    case "MissingSecret":
    case "BaseImageError":
    case "UnknownId":
      return explain(error, ADVICE)
    case "InvalidSpec":
      return { message: error.message, place: Option.some(`in ${error.place}`), hint: error.hint }
    case "StepCancelled":
      return {
        message: `the step ${shortId(error.id)} is not executed any more: no build wants it`,
        place: Option.none(),
        hint: Option.none()
      }
    case "ResultsInUse":
      return {
        message: `nothing is deleted: ${error.ids.map(shortId).join(", ")} ${error.ids.length === 1 ? "is" : "are"} in use`,
        place: Option.none(),
        hint: Option.none()
      }
    case "SandboxError":
    case "SourceError":
    case "StoreError":
    case "Unhealthy":
      return { message: error.message, place: Option.none(), hint: error.hint }
  }
}

const ADVICE: Advice = {
  secret: (id) => `Give its content as secrets: { ${JSON.stringify(id)}: … }.`,
  memory: "Give it more with the backend's memory, or let it use less."
}
