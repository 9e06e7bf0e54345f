/** What users read when something goes wrong, and the exit status that goes with it. Pure. */
import * as Option from "effect/Option"
import * as Diagnostic from "../domain/Diagnostic.ts"
import type { SpecError } from "../domain/SpecError.ts"
import type { Different } from "./Different.ts"
import type { DeliveryError } from "./Delivery.ts"
import type { ImageProblem } from "../interpreters/base/ImageProblem.ts"
import type { BuildError } from "../interpreters/Engine.ts"
import * as ErrorWords from "../interpreters/ErrorWords.ts"
import { paint } from "./Colors.ts"
import * as ExitCode from "./ExitCode.ts"
import type { CutShort, OutputError, PipeClosed } from "./Output.ts"
import { codeOf, isMachines, reason } from "./SystemError.ts"
import type { Unhealthy } from "./Unhealthy.ts"
import type { UsageError } from "./UsageError.ts"
import type { Verdict } from "./Verdict.ts"

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
  | Verdict

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
    case "Verdict":
      return error.isInput ? ExitCode.BAD_INPUT : ExitCode.FOUND
  }
}

/** What went wrong, in parts. */
export interface Explanation extends ErrorWords.Explanation {
  /** Who or what failed. */
  readonly subject: string
}

/** Lines to print on standard error, each with its end; nothing where there is nothing to say. */
export const render = (error: CliError, colors: boolean): string => {
  if (error._tag === "SpecError") return `${Diagnostic.render(error, { color: colors })}\n`
  if (
    error._tag === "PipeClosed" ||
    error._tag === "CutShort" ||
    error._tag === "Different" ||
    error._tag === "Verdict"
  )
    return ""
  const { hint, message, place, subject } = explain(error)
  const notes = [...Option.toArray(place), ...Option.toArray(hint)]
  return [
    `${paint(colors, "error", `${subject}:`)} ${message}`,
    ...notes.map((text) => `  ${text.replaceAll("\n", "\n  ")}`),
    ""
  ].join("\n")
}

export const explain = (
  error: Exclude<CliError, SpecError | PipeClosed | CutShort | Different | Verdict>
): Explanation => {
  switch (error._tag) {
    case "StepFailed":
    case "BaseImageError":
      return { subject: "Build step failed", ...ErrorWords.explain(error, ADVICE) }
    case "MissingSecret":
    case "UnknownId":
      return { subject: PROGRAM, ...ErrorWords.explain(error, ADVICE) }
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

const ADVICE: ErrorWords.Advice = {
  secret: (id) => `Write --secret=${id}:FILE.`,
  memory: "Give it more with --memory, or let it use less."
}
