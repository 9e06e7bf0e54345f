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
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { posix } from "node:path"
import { unmark } from "./Arguments.ts"
import type { Backends } from "./Backend.ts"
import { build } from "./BuildCommand.ts"
import type { CliError } from "./ErrorText.ts"
import { cache } from "./CacheCommand.ts"
import { clean } from "./CleanCommand.ts"
import { deleteResults } from "./DeleteCommand.ts"
import { df } from "./DfCommand.ts"
import { dockerfile } from "./DockerfileCommand.ts"
import { diff } from "./DiffCommand.ts"
import { explain } from "./ExplainCommand.ts"
import { exportResult } from "./ExportCommand.ts"
import { check } from "./CheckCommand.ts"
import * as Flag from "./Flag.ts"
import { type CommandName, flags } from "./Flags.ts"
import { fmt } from "./FmtCommand.ts"
import { healthcheck } from "./HealthcheckCommand.ts"
import { fsck } from "./FsckCommand.ts"
import type { Host } from "./Host.ts"
import { importFile } from "./ImportCommand.ts"
import { inspect } from "./InspectCommand.ts"
import { log } from "./LogCommand.ts"
import { ls } from "./LsCommand.ts"
import { pin } from "./PinCommand.ts"
import { prune } from "./PruneCommand.ts"
import { push } from "./PushCommand.ts"
import type { Output } from "./Output.ts"

type Needs = Host | Output | Backends

type Flags = Readonly<Record<string, Flag.Flag<unknown>>>

/**
 * The flags among `words`. Only those are options of the command that is made:
 * to look for one that is not there costs as much as to find one, and a short
 * command has no time for that.
 */
const givenOptions = (
  flags: Flags,
  words: ReadonlySet<string>
): Options.Options<Readonly<Record<string, ReadonlyArray<string>>>> => {
  const given = Object.entries(flags).filter(([, flag]) => words.has(Flag.written(flag)))
  return given.length === 0
    ? Options.map(Options.none, () => ({}))
    : Options.all(Object.fromEntries(given.map(([name, flag]) => [name, occurrences(flag)])))
}

/** Every value that is given for a flag, `""` for each time that one without a value is. */
const occurrences = (flag: Flag.Flag<unknown>): Options.Options<ReadonlyArray<string>> =>
  flag.metavar === undefined && !flag.repeatable
    ? Options.map(Options.boolean(flag.name), (given) => (given ? [""] : []))
    : Options.map(Options.repeated(Options.text(flag.name)), (given) => given.map(unmark))

/** The typed values. The reader of arguments has refused what cannot be read. */
const values = <F extends Flags>(
  flags: F,
  given: Readonly<Record<string, ReadonlyArray<string>>>
): Effect.Effect<Flag.Given<F>> => Effect.orDieWith(Flag.values(flags, given), (problem) => new Error(problem))

type Runner = (
  words: ReadonlyArray<string>
) => Effect.Effect<void, CliError | ValidationError.ValidationError, Needs | CliApp.CliApp.Environment>

const command =
  <F extends Flags, A>(
    name: CommandName,
    table: F,
    positional: Args.Args<A>,
    handler: (given: Flag.Given<F>, positional: A) => Effect.Effect<void, CliError, Needs>
  ) =>
  (words: ReadonlySet<string>): Runner =>
    Command.run(
      Command.make(name, { given: givenOptions(table, words), positional }, ({ given, positional }) =>
        Effect.flatMap(values(table, given), (all) => handler(all, positional))
      ),
      { name: "obuilder", version: "" }
    )

const argument = (name: string): Args.Args<string> => Args.map(Args.text({ name }), unmark)

const repeated = (name: string): Args.Args<ReadonlyArray<string>> =>
  Args.map(Args.repeated(Args.text({ name })), (words) => words.map(unmark))

const runners: Readonly<Record<CommandName, (words: ReadonlySet<string>) => Runner>> = {
  build: command("build", flags.build, argument("DIR"), (given, directory) => build({ ...given, directory })),
  export: command("export", flags.export, argument("ID"), (given, id) => exportResult({ ...given, id })),
  push: command("push", flags.push, Args.all([argument("ID"), argument("NAME")]), (given, [id, name]) =>
    push({ ...given, id, name })
  ),
  log: command("log", flags.log, argument("ID"), (given, id) => log({ ...given, id })),
  healthcheck: command("healthcheck", flags.healthcheck, Args.none, healthcheck),
  ls: command("ls", flags.ls, Args.none, ls),
  inspect: command("inspect", flags.inspect, argument("ID"), (given, id) => inspect({ ...given, id })),
  explain: command("explain", flags.explain, argument("DIR"), (given, directory) => explain({ ...given, directory })),
  diff: command("diff", flags.diff, Args.all([argument("A"), argument("B")]), (given, [before, after]) =>
    diff({ ...given, before, after })
  ),
  df: command("df", flags.df, Args.none, df),
  import: command("import", flags.import, repeated("FILE"), (given, [file = "Dockerfile"]) =>
    importFile({ ...given, file })
  ),
  pin: command("pin", flags.pin, Args.none, pin),
  dockerfile: command("dockerfile", flags.dockerfile, Args.none, dockerfile),
  fmt: command("fmt", flags.fmt, repeated("FILE"), (given, files) => fmt({ ...given, files })),
  check: command("check", flags.check, repeated("FILE"), (given, files) => check({ ...given, files })),
  delete: command("delete", flags.delete, repeated("ID"), (given, ids) => deleteResults({ ...given, ids })),
  prune: command("prune", flags.prune, Args.none, prune),
  clean: command("clean", flags.clean, Args.none, clean),
  fsck: command("fsck", flags.fsck, Args.none, fsck),
  cache: command("cache", flags.cache, Args.all([argument("ACTION"), repeated("NAME")]), (given, [action, names]) =>
    cache({ ...given, action, names })
  )
}

const unused = () => Effect.dieMessage("commands look at paths themselves")

/**
 * What `@effect/cli` asks for, and does not use here: files are read by the
 * commands themselves, and nothing is asked of the user.
 */
const environment = Context.empty().pipe(
  Context.add(CliConfig.CliConfig, CliConfig.make({ isCaseSensitive: true, showBuiltIns: false })),
  Context.add(FileSystem.FileSystem, FileSystem.makeNoop({})),
  Context.add(Path.Path, { [Path.TypeId]: Path.TypeId, ...posix, fromFileUrl: unused, toFileUrl: unused }),
  Context.add(
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
export const run = (name: CommandName, words: ReadonlyArray<string>): Effect.Effect<void, CliError, Needs> =>
  runners[name](new Set(words))(["node", "obuilder", ...words]).pipe(
    Effect.catchIf(ValidationError.isValidationError, (error) =>
      Effect.dieMessage(`the command line was read in two ways: ${JSON.stringify(error)}`)
    ),
    Effect.provide(environment)
  )
