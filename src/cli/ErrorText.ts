/** What users read when something goes wrong, and the exit status that goes with it. Pure. */
import * as Option from "effect/Option"
import * as Diagnostic from "../domain/Diagnostic.ts"
import type { SpecError } from "../domain/SpecError.ts"
import type { BuildError, StepFailed } from "../interpreters/Engine.ts"
import type { CommandFailed } from "../interpreters/Sandbox.ts"
import type { UnknownId } from "../interpreters/Store.ts"
import { oneLine, shortId } from "../plan/PlanText.ts"
import type { Step } from "../plan/Plan.ts"
import { paint } from "./Colors.ts"
import * as ExitCode from "./ExitCode.ts"
import type { Unhealthy } from "./Healthcheck.ts"
import { ocamlString } from "./OcamlString.ts"
import type { OutputError, PipeClosed } from "./Output.ts"
import { codeOf, isMachines, reason } from "./SystemError.ts"
import type { UsageError } from "./UsageError.ts"

/** All that a command can fail with. */
export type CliError = UsageError | SpecError | BuildError | OutputError | PipeClosed | Unhealthy

export const exitCode = (error: CliError): number => {
  switch (error._tag) {
    case "UsageError":
    case "SpecError":
    case "MissingSecret":
    case "UnknownId":
      return ExitCode.BAD_INPUT
    case "StepFailed":
      return ExitCode.STEP_FAILED
    case "BaseImageError":
      return isMachines(codeOf(error.cause)) ? ExitCode.MACHINE_LACKS : ExitCode.STEP_FAILED
    case "OutputError":
      return isMachines(error.code) ? ExitCode.MACHINE_LACKS : ExitCode.BAD_INPUT
    case "SandboxError":
    case "StoreError":
    case "Unhealthy":
      return ExitCode.MACHINE_LACKS
    case "PipeClosed":
      return ExitCode.SUCCESS
  }
}

/** Lines to print on standard error, each with its end; nothing where there is nothing to say. */
export const render = (error: CliError, colors: boolean): string => {
  switch (error._tag) {
    case "SpecError":
      return withEnd(Diagnostic.render(error, { color: colors }))
    case "UsageError":
      return program(colors, error.message, error.hint)
    case "MissingSecret":
      return program(
        colors,
        `the secret ${JSON.stringify(error.id)} is not given, which a step asks for`,
        Option.some(`Write --secret=${error.id}:FILE.`),
        where(error.step)
      )
    case "StepFailed":
      return stepFailed(error, colors)
    case "BaseImageError":
      return failure(colors, `(from ${error.reference}): ${error.message}`, error.hint)
    case "SandboxError":
    case "StoreError":
      return program(colors, error.message, error.hint)
    case "UnknownId":
      return unknownId(error, colors)
    case "OutputError":
      return program(colors, `cannot write ${error.name}: ${reason(error.code)}`, Option.none())
    case "PipeClosed":
      return ""
    case "Unhealthy":
      return failure(colors, error.message, error.hint, "Healthcheck failed")
  }
}

const program = (colors: boolean, message: string, hint: Option.Option<string>, ...details: Array<string>): string =>
  failure(colors, message, hint, "obuilder", ...details)

const failure = (
  colors: boolean,
  message: string,
  hint: Option.Option<string>,
  prefix = "Build step failed",
  ...details: ReadonlyArray<string>
): string =>
  [
    `${paint(colors, "error", `${prefix}:`)} ${message}`,
    ...[...details, ...Option.toArray(hint)].map((text) => `  ${text.replaceAll("\n", "\n  ")}`),
    ""
  ].join("\n")

const stepFailed = ({ step, reason: why }: StepFailed, colors: boolean): string => {
  const [message, hint] =
    why._tag === "CommandFailed" ? commandFailed(why) : [why.message, "hint" in why ? why.hint : Option.none()]
  return failure(colors, message, hint, undefined, where(step))
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

const where = (step: Step): string =>
  `in ${step.stage === "" ? "" : `the build ${ocamlString(step.stage)}, `}${oneLine(step.heading)}`

const unknownId = ({ id, candidates }: UnknownId, colors: boolean): string =>
  candidates.length === 0
    ? program(colors, `no result ${JSON.stringify(id)} is in the store`, Option.none())
    : program(
        colors,
        `${JSON.stringify(id)} is the beginning of more than one result's id`,
        Option.some(`Write more of it: ${candidates.map(shortId).join(", ")}.`)
      )

const withEnd = (text: string): string => (text.endsWith("\n") ? text : `${text}\n`)
