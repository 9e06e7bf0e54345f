/** The commands as `@effect/cli` has them, made from the table of flags. */
import * as Args from "@effect/cli/Args"
import * as CliConfig from "@effect/cli/CliConfig"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Terminal from "@effect/platform/Terminal"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Mailbox from "effect/Mailbox"
import { unmark } from "./Arguments.ts"
import { build } from "./BuildCommand.ts"
import { exportResult } from "./ExportCommand.ts"
import type * as Flag from "./Flag.ts"
import { commands, flags } from "./Flags.ts"
import { healthcheck } from "./HealthcheckCommand.ts"
import { log } from "./LogCommand.ts"

/** The values of a command's flags. */
export type Given<Flags> = { readonly [Name in keyof Flags]: Flags[Name] extends Flag.Flag<infer A> ? A : never }

type AsOptions<Flags> = {
  readonly [Name in keyof Flags]: Flags[Name] extends Flag.Flag<infer A> ? Options.Options<A> : never
}

/** Each flag by its own name and type: what a mapped type says and `Object.entries` forgets. */
const optionsOf = <Flags extends Readonly<Record<string, Flag.Flag<unknown>>>>(flags: Flags): AsOptions<Flags> =>
  Object.fromEntries(Object.entries(flags).map(([name, flag]) => [name, optionOf(flag)])) as AsOptions<Flags>

const optionOf = <A>(flag: Flag.Flag<A>): Options.Options<A> =>
  (flag.metavar === undefined
    ? Options.map(Options.repeated(Options.boolean(flag.name)), (given) => given.filter(Boolean).map(() => ""))
    : Options.map(Options.repeated(Options.text(flag.name)), (given) => given.map(unmark))
  ).pipe(
    Options.withDescription(flag.doc),
    // The arguments' reader has refused what cannot be read.
    Options.mapEffect((given) => Effect.orDieWith(flag.read(given), (problem) => new Error(problem)))
  )

const id = Args.text({ name: "ID" }).pipe(Args.map(unmark))

const program = Command.make("obuilder").pipe(
  Command.withSubcommands([
    Command.make(
      "build",
      { ...optionsOf(flags.build), directory: Args.text({ name: "DIR" }).pipe(Args.map(unmark)) },
      build
    ).pipe(Command.withDescription(commands.build.summary)),
    Command.make("export", { ...optionsOf(flags.export), id }, exportResult).pipe(
      Command.withDescription(commands.export.summary)
    ),
    Command.make("log", { ...optionsOf(flags.log), id }, log).pipe(Command.withDescription(commands.log.summary)),
    Command.make("healthcheck", optionsOf(flags.healthcheck), healthcheck).pipe(
      Command.withDescription(commands.healthcheck.summary)
    )
  ])
)
