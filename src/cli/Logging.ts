/** What goes to standard error besides errors, and how much of it. */
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as HashSet from "effect/HashSet"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import type { Given } from "./Flag.ts"
import type { flags } from "./Flags.ts"
import type { Sink } from "./Output.ts"

type Verbosity = Pick<Given<typeof flags.log>, "verbose" | "verbosity" | "quiet">

/** `-q` and `--verbosity=quiet` are one, and win over `-v`, as in OBuilder. */
export const isQuiet = ({ quiet, verbosity }: Verbosity): boolean =>
  quiet || Option.contains(verbosity, "quiet" as const)

/** Whether notes about what is read are left out: they are information, and shown unless less was asked for. */
export const hidesNotes = (given: Verbosity): boolean =>
  isQuiet(given) || Option.exists(given.verbosity, (level) => level === "warning" || level === "error")

/** The least important messages to show. */
export const minimumLevel = (given: Verbosity): LogLevel.LogLevel => {
  if (isQuiet(given)) return LogLevel.None
  switch (Option.getOrNull(given.verbosity)) {
    case "error":
      return LogLevel.Error
    case "warning":
      return LogLevel.Warning
    case "info":
      return LogLevel.Info
    case "debug":
      return LogLevel.Debug
    default:
      return given.verbose > 1 ? LogLevel.Debug : given.verbose === 1 ? LogLevel.Info : LogLevel.Warning
  }
}

/** Has an effect's messages written to standard error, one line each. */
export const withLog = (given: Verbosity, stderr: Sink) => {
  const logger = Logger.make(({ logLevel, message }) => {
    const text = (Array.isArray(message) ? message : [message]).map(String).join(" ")
    // A logger is no effect; the sink writes at once, or as soon as its reader lets it.
    Effect.runFork(Effect.ignore(stderr.write(`obuilder: ${logLevel.label.toLowerCase()}: ${text}\n`)))
  })
  return <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    effect.pipe(
      Effect.locally(FiberRef.currentMinimumLogLevel, minimumLevel(given)),
      Effect.locally(FiberRef.currentLoggers, HashSet.make(logger))
    )
}
