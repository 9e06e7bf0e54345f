/** The commands as `@effect/cli` has them, made from the table of flags. */
import * as Args from "@effect/cli/Args"
import type * as CliApp from "@effect/cli/CliApp"
import * as CliConfig from "@effect/cli/CliConfig"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Terminal from "@effect/platform/Terminal"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { unmark } from "./Arguments.ts"
import type { Backends } from "./Backend.ts"
import { build } from "./BuildCommand.ts"
import type { CliError } from "./ErrorText.ts"
import { exportResult } from "./ExportCommand.ts"
import * as Flag from "./Flag.ts"
import { type CommandName, flags } from "./Flags.ts"
import { healthcheck } from "./HealthcheckCommand.ts"
import type { Host } from "./Host.ts"
import { log } from "./LogCommand.ts"
import type { Output } from "./Output.ts"

type AsOptions<Flags> = {
  readonly [Name in keyof Flags]: Flags[Name] extends Flag.Flag<infer A> ? Options.Options<A> : never
}

/** Whether a flag is to be looked for. Each one that is costs a part of a short command's time. */
type Wanted = (flag: Flag.Flag<unknown>) => boolean

const optionsOf = <Flags extends Readonly<Record<string, Flag.Flag<unknown>>>>(
  table: Flags,
  wanted: Wanted
): AsOptions<Flags> =>
  // Each name with the type of its own flag: the mapped type says it, `Object.entries` forgets it.
  Object.fromEntries(Object.entries(table).map(([name, flag]) => [name, optionOf(flag, wanted)])) as AsOptions<Flags>

const optionOf = <A>(flag: Flag.Flag<A>, wanted: Wanted): Options.Options<A> =>
  occurrences(flag, wanted).pipe(
    Options.withDescription(flag.doc),
    // The reader of arguments has refused what cannot be read.
    Options.mapEffect((given) => Effect.orDieWith(flag.read(given), (problem) => new Error(problem)))
  )

const occurrences = (flag: Flag.Flag<unknown>, wanted: Wanted): Options.Options<ReadonlyArray<string>> => {
  if (!wanted(flag)) return Options.map(Options.none, () => [])
  if (flag.metavar === undefined && !flag.repeatable) {
    return Options.map(Options.boolean(flag.name), (given) => (given ? [""] : []))
  }
  return Options.map(Options.repeated(Options.text(flag.name)), (given) => given.map(unmark))
}

const argument = (name: string): Args.Args<string> => Args.map(Args.text({ name }), unmark)

/** One entry a command, so that one is made without the others. */
const table = {
  build: (wanted: Wanted) =>
    Command.make("build", { ...optionsOf(flags.build, wanted), directory: argument("DIR") }, build),
  export: (wanted: Wanted) =>
    Command.make("export", { ...optionsOf(flags.export, wanted), id: argument("ID") }, exportResult),
  log: (wanted: Wanted) => Command.make("log", { ...optionsOf(flags.log, wanted), id: argument("ID") }, log),
  healthcheck: (wanted: Wanted) => Command.make("healthcheck", optionsOf(flags.healthcheck, wanted), healthcheck)
}

type Needs = Host | Output | Backends

type Runner = (
  words: ReadonlyArray<string>
) => Effect.Effect<void, CliError | ValidationError.ValidationError, Needs | CliApp.CliApp.Environment>

const APP = { name: "obuilder", version: "" }

const runners: Readonly<Record<CommandName, (wanted: Wanted) => Runner>> = {
  build: (wanted) => Command.run(table.build(wanted), APP),
  export: (wanted) => Command.run(table.export(wanted), APP),
  log: (wanted) => Command.run(table.log(wanted), APP),
  healthcheck: (wanted) => Command.run(table.healthcheck(wanted), APP)
}

/**
 * What `@effect/cli` asks for, and does not use here: files are read by the
 * commands themselves, and nothing is asked of the user.
 */
const environment = Layer.mergeAll(
  CliConfig.layer({ isCaseSensitive: true, showBuiltIns: false, showTypes: false }),
  FileSystem.layerNoop({}),
  Path.layer,
  Layer.succeed(
    Terminal.Terminal,
    Terminal.Terminal.of({
      columns: Effect.succeed(80),
      rows: Effect.succeed(24),
      isTTY: Effect.succeed(false),
      display: () => Effect.void,
      readInput: Effect.die("nothing is asked of the user"),
      readLine: Effect.fail(new Terminal.QuitException())
    })
  )
)

/** Runs a command with the words that `Arguments` made of what follows its name. */
export const run = (name: CommandName, words: ReadonlyArray<string>): Effect.Effect<void, CliError, Needs> => {
  const given = new Set(words)
  const runner = runners[name]((flag) => given.has(Flag.written(flag)))
  return runner(["node", "obuilder", ...words]).pipe(
    Effect.catchIf(ValidationError.isValidationError, (error) =>
      Effect.dieMessage(`the command line was read in two ways: ${JSON.stringify(error)}`)
    ),
    Effect.provide(environment)
  )
}
