/** What users read when something goes wrong, and the exit status that goes with it. Pure. */
import * as Option from "effect/Option"
import * as Diagnostic from "../domain/Diagnostic.ts"
import type { SpecError } from "../domain/SpecError.ts"
import type { Different } from "./Different.ts"
import type { DeliveryError } from "./Delivery.ts"
import type { ImageProblem } from "../interpreters/base/ImageProblem.ts"
import type { BuildError, StepFailed } from "../interpreters/Engine.ts"
import type { CommandFailed } from "../interpreters/Sandbox.ts"
import type { UnknownId } from "../interpreters/Store.ts"
import { oneLine, shortId } from "../plan/PlanText.ts"
import type { Step } from "../plan/Plan.ts"
import { paint } from "./Colors.ts"
import * as ExitCode from "./ExitCode.ts"
import { ocamlString } from "./OcamlString.ts"
import type { CutShort, OutputError, PipeClosed } from "./Output.ts"
import { codeOf, isMachines, reason } from "./SystemError.ts"
import type { Unhealthy } from "./Unhealthy.ts"
import type { UsageError } from "./UsageError.ts"

/** All that a command can fail with. */
export type CliError =
  | UsageError
  | SpecError
  | BuildError
  | DeliveryError
  | ImageProblem
  | OutputError
  | PipeClosed
  | CutShort
  | Different
  | Unhealthy

export const exitCode = (error: CliError): number => {
  switch (error._tag) {
    case "UsageError":
    case "SpecError":
    case "MissingSecret":
    case "UnknownId":
      return ExitCode.BAD_INPUT
    case "StepFailed":
    case "Different":
      return ExitCode.STEP_FAILED
    case "BaseImageError":
    case "DeliveryError":
      return isMachines(codeOf(error.cause)) ? ExitCode.MACHINE_LACKS : ExitCode.STEP_FAILED
    case "ImageProblem":
      return isMachines(codeOf(error.cause)) ? ExitCode.MACHINE_LACKS : ExitCode.BAD_INPUT
    case "OutputError":
      return isMachines(error.code) ? ExitCode.MACHINE_LACKS : ExitCode.BAD_INPUT
    case "SandboxError":
    case "StoreError":
    case "Unhealthy":
      return ExitCode.MACHINE_LACKS
    case "PipeClosed":
      return ExitCode.SUCCESS
    case "CutShort":
      return ExitCode.PIPE_CLOSED
  }
}

/** What went wrong, in parts. */
export interface Explanation {
  /** Who or what failed. */
  readonly subject: string
  readonly message: string
  /** Where, if the message does not say it. */
  readonly place: Option.Option<string>
  /** What to do about it. */
  readonly hint: Option.Option<string>
}

/** Lines to print on standard error, each with its end; nothing where there is nothing to say. */
export const render = (error: CliError, colors: boolean): string => {
  if (error._tag === "SpecError") return `${Diagnostic.render(error, { color: colors })}\n`
  if (error._tag === "PipeClosed" || error._tag === "CutShort" || error._tag === "Different") return ""
  const { hint, message, place, subject } = explain(error)
  const notes = [...Option.toArray(place), ...Option.toArray(hint)]
  return [
    `${paint(colors, "error", `${subject}:`)} ${message}`,
    ...notes.map((text) => `  ${text.replaceAll("\n", "\n  ")}`),
    ""
  ].join("\n")
}

export const explain = (error: Exclude<CliError, SpecError | PipeClosed | CutShort | Different>): Explanation => {
  switch (error._tag) {
    case "StepFailed":
      return stepFailed(error)
    case "MissingSecret":
      return {
        subject: PROGRAM,
        message: `a step asks for the secret ${JSON.stringify(error.id)}, which is not given`,
        place: Option.some(placeOf(error.step)),
        hint: Option.some(`Write --secret=${error.id}:FILE.`)
      }
    case "BaseImageError":
      return {
        subject: "Build step failed",
        message: error.message,
        place: Option.some(`in (from ${error.reference})`),
        hint: error.hint
      }
    case "UnknownId":
      return unknownId(error)
    case "OutputError":
      return {
        subject: PROGRAM,
        message: `cannot write ${error.name}: ${reason(error.code)}`,
        place: Option.none(),
        hint: Option.none()
      }
    case "UsageError":
    case "DeliveryError":
    case "ImageProblem":
    case "SandboxError":
    case "StoreError":
    case "Unhealthy":
      return { subject: PROGRAM, message: error.message, place: Option.none(), hint: error.hint }
  }
}

const PROGRAM = "obuilder"

const stepFailed = ({ reason: why, step }: StepFailed): Explanation => {
  const [message, hint] =
    why._tag === "CommandFailed"
      ? commandFailed(why)
      : [why.message, why._tag === "SourceError" ? why.hint : Option.none<string>()]
  return { subject: "Build step failed", message, place: Option.some(placeOf(step)), hint }
}

const commandFailed = ({ argv, outcome }: CommandFailed): readonly [string, Option.Option<string>] => {
  const command = argv.map(ocamlString).join(" ")
  switch (outcome._tag) {
    case "Exit":
      return [`${command} failed with exit status ${outcome.status}`, Option.none()]
    case "Signal":
      return [`${command} was ended by ${outcome.signal}`, Option.none()]
    case "OutOfMemory":
      return [`${command} ran out of memory`, Option.some("Give it more with --memory, or let it use less.")]
    case "NotStarted":
      return [`${command} could not be started: ${outcome.reason}`, outcome.hint]
  }
}

const placeOf = (step: Step): string =>
  `in ${step.stage === "" ? "" : `the build ${ocamlString(step.stage)}, `}${oneLine(step.heading)}`

/** Digits of an id's beginning that are looked for. */
const SHORTEST = 4

const unknownId = ({ id, candidates }: UnknownId): Explanation => ({
  subject: PROGRAM,
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
