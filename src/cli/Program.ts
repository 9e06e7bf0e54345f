/** The whole command line, from words to exit status. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { inspect } from "node:util"
import * as Arguments from "./Arguments.ts"
import type { Backends } from "./Backend.ts"
import * as Colors from "./Colors.ts"
import * as Commands from "./Commands.ts"
import { completions } from "./Completions.ts"
import * as ErrorText from "./ErrorText.ts"
import * as ExitCode from "./ExitCode.ts"
import { help } from "./Help.ts"
import { Host } from "./Host.ts"
import * as Logging from "./Logging.ts"
import { Output, type OutputError, type PipeClosed } from "./Output.ts"
import type { UsageError } from "./UsageError.ts"
import { withDockerfile } from "./WithoutFile.ts"

/**
 * Does what the words after the program's name ask for. Errors are said on
 * standard error, once; the result is the exit status.
 */
export const run = (
  words: ReadonlyArray<string>,
  version: string
): Effect.Effect<number, never, Host | Output | Backends> => {
  const request = Arguments.read(words)
  if (request._tag === "Left") {
    return report(Effect.flip(withDockerfile(request.left)), { color: Option.none(), verbose: 0 })
  }
  const asked = request.right
  return asked._tag === "Run"
    ? report(runCommand(asked), asked.common)
    : report(answer(asked, version), { color: Option.none(), verbose: 0 })
}

type Run = Extract<Arguments.Request, { readonly _tag: "Run" }>

const runCommand = ({
  command,
  common,
  words
}: Run): Effect.Effect<void, ErrorText.CliError, Host | Output | Backends> =>
  Effect.flatMap(Output, ({ stderr }) => Logging.withLog(common, stderr)(Commands.run(command, words)))

const answer = (
  asked: Exclude<Arguments.Request, Run>,
  version: string
): Effect.Effect<void, PipeClosed | OutputError, Output> =>
  Effect.gen(function* () {
    const { stdout } = yield* Output
    switch (asked._tag) {
      case "Help":
        return yield* stdout.write(help(asked.command))
      case "Version":
        return yield* stdout.write(`${version}\n`)
      case "Completions":
        return yield* stdout.write(completions(asked.shell))
    }
  })

interface Manner {
  readonly color: Option.Option<Colors.When>
  readonly verbose: number
}

/** Turns however it ends into an exit status, and says what is to be said. */
const report = <R>(
  effect: Effect.Effect<void, ErrorText.CliError | UsageError, R>,
  manner: Manner
): Effect.Effect<number, never, R | Host | Output> =>
  Effect.matchCauseEffect(effect, {
    onSuccess: () => Effect.succeed(ExitCode.SUCCESS),
    onFailure: (cause) =>
      Effect.gen(function* () {
        const { stderr } = yield* Output
        const colors = Colors.enabled(manner.color, stderr, yield* Host)
        const error = Option.getOrUndefined(Cause.failureOption(cause))
        const text =
          error !== undefined
            ? ErrorText.render(error, colors)
            : Cause.isInterruptedOnly(cause)
              ? ""
              : internalError(cause, colors)
        yield* Effect.ignore(stderr.write(text === "" ? text : `${text}${details(cause, manner.verbose)}`))
        return error !== undefined
          ? ErrorText.exitCode(error)
          : Cause.isInterruptedOnly(cause)
            ? ExitCode.INTERRUPTED
            : ExitCode.INTERNAL_ERROR
      })
  })

const internalError = (cause: Cause.Cause<unknown>, colors: boolean): string => {
  const defect = Option.getOrUndefined(Cause.dieOption(cause))
  const message = defect instanceof Error ? defect.message : String(defect)
  return `${Colors.paint(colors, "error", "obuilder:")} internal error: ${message}\n  This is a bug in obuilder: please report it, with what --verbose adds to this.\n`
}

/**
 * For `--verbose`: what lies below a failure. Where in the program it was is for
 * those who look for its own errors, and for those who ask twice.
 */
const details = (cause: Cause.Cause<unknown>, verbose: number): string => {
  if (verbose === 0) return ""
  const failure = Option.getOrUndefined(Cause.failureOption(cause))
  const below =
    typeof failure === "object" && failure !== null && "cause" in failure ? (failure.cause ?? undefined) : undefined
  const isExpected = failure !== undefined && verbose === 1
  const inner = isExpected && below instanceof Error ? `  because of ${below.message}` : below
  return [...(isExpected ? [] : [Cause.pretty(cause)]), ...(inner === undefined ? [] : [inner])]
    .map((part) => `${typeof part === "string" ? part : inspect(part)}\n`)
    .join("")
}
