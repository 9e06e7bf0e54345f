/**
 * Reads the command line strictly, before `@effect/cli` sees it: that library
 * takes an unknown flag for an argument, a flag for a flag's value, and stops
 * at ways of writing that any Unix tool knows. What is handed on has one form:
 * the command, then each flag and each value as words of their own.
 *
 * `--flag value`, `--flag=value`, `-f value`, `-fvalue` and `-f=value` are one;
 * switches may be joined (`-qv`); flags stand anywhere; `--` ends them. A value
 * that begins with `-` needs the `=`. Names are not abbreviated.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { suggest } from "../domain/Suggestion.ts"
import type { Shell } from "./Completions.ts"
import * as Flag from "./Flag.ts"
import { commandList, type CommandSpec, findCommand } from "./CommandTable.ts"
import { type CommandName, common, flags } from "./Flags.ts"
import * as OtherWords from "./OtherWords.ts"
import { UsageError, usageError } from "./UsageError.ts"

/** What the user asked for. */
export type Request =
  | { readonly _tag: "Help"; readonly command: Option.Option<CommandSpec> }
  | { readonly _tag: "Version" }
  | { readonly _tag: "Completions"; readonly shell: Shell }
  | {
      readonly _tag: "Run"
      readonly command: CommandName
      /** The values of the flags that all commands have. */
      readonly common: Flag.Given<typeof common>
      /** For `@effect/cli`: flags, then arguments; values marked by {@link mark}. */
      readonly words: ReadonlyArray<string>
    }

/** A value as `@effect/cli` sees it: never empty, never like a flag. */
export const mark = (value: string): string => `=${value}`

/** What the user wrote. */
export const unmark = (value: string): string => value.slice(1)

type Result<A> = Either.Either<A, UsageError>

/** Reads what follows the program's name. */
export const read = (args: ReadonlyArray<string>): Result<Request> => Either.flatMap(scan(args), requested)

interface Scanned {
  readonly given: ReadonlyArray<Given>
  /** What is neither a flag nor a flag's value. */
  readonly words: ReadonlyArray<string>
}

interface Given {
  readonly flag: AnyFlag
  readonly value: string
}

type AnyFlag = Flag.Flag<unknown>

const allFlags: ReadonlyArray<AnyFlag> = [
  ...Object.values(flags.root),
  ...commandList.flatMap((command) => Object.values(command.flags))
]

/** By `--name`, and by `-x`. A name takes a value in all commands or in none. */
const byWriting: ReadonlyMap<string, AnyFlag> = new Map(
  allFlags.flatMap((flag) => [
    [Flag.written(flag), flag],
    ...(flag.short === undefined ? [] : [[`-${flag.short}`, flag] as const])
  ])
)

const scan = (args: ReadonlyArray<string>): Result<Scanned> => {
  const given: Array<Given> = []
  const words: Array<string> = []
  for (let index = 0; index < args.length;) {
    const word = args[index++] ?? ""
    if (word === "--") {
      words.push(...args.slice(index))
      break
    }
    if (word === "-" || !word.startsWith("-")) {
      words.push(word)
      continue
    }
    const parts = word.startsWith("--") ? splitLong(word, args) : splitShort(word, args)
    if (Either.isLeft(parts)) return Either.left(parts.left)
    for (const { flag, attached } of parts.right) {
      if (flag.metavar === undefined || attached !== undefined) {
        given.push({ flag, value: attached ?? "" })
        continue
      }
      const next = args[index++]
      if (next === undefined) return Either.left(needsValue(flag))
      if (next.startsWith("-") && next !== "-") return Either.left(needsValue(flag, next))
      given.push({ flag, value: next })
    }
  }
  return Either.right({ given, words })
}

interface Part {
  readonly flag: AnyFlag
  /** The value in the same word, if there is one. */
  readonly attached: string | undefined
}

const splitLong = (word: string, args: ReadonlyArray<string>): Result<ReadonlyArray<Part>> => {
  const equals = word.indexOf("=")
  const name = equals < 0 ? word : word.slice(0, equals)
  const flag = byWriting.get(name)
  if (flag === undefined) return Either.left(unknownFlag(name, args))
  const attached = equals < 0 ? undefined : word.slice(equals + 1)
  if (flag.metavar === undefined && attached !== undefined) return Either.left(takesNone(flag))
  return Either.right([{ flag, attached }])
}

const splitShort = (word: string, args: ReadonlyArray<string>): Result<ReadonlyArray<Part>> => {
  const parts: Array<Part> = []
  for (let index = 1; index < word.length; index++) {
    const flag = byWriting.get(`-${word[index] ?? ""}`)
    // Of a whole word with one dash, all of it is more telling than one letter.
    if (flag === undefined) {
      return Either.left(unknownFlag(index === 1 ? word.replace(/=.*$/s, "") : `-${word[index] ?? ""}`, args))
    }
    const rest = word.slice(index + 1)
    if (flag.metavar !== undefined) {
      const attached = rest === "" ? undefined : rest.replace(/^=/, "")
      return Either.right([...parts, { flag, attached }])
    }
    if (rest.startsWith("=")) return Either.left(takesNone(flag))
    parts.push({ flag, attached: undefined })
  }
  return Either.right(parts)
}

const requested = ({ given, words }: Scanned): Result<Request> => {
  const has = (flag: AnyFlag): boolean => given.some((one) => one.flag.name === flag.name)
  const [name, ...others] = words
  if (name === "help" || has(flags.root.help)) {
    const topic = name === "help" ? others[0] : name
    if (topic === undefined || topic === "help") return Either.right({ _tag: "Help", command: Option.none() })
    return Either.map(commandNamed(topic), (command) => ({ _tag: "Help", command: Option.some(command) }))
  }
  if (has(flags.root.version)) return Either.right({ _tag: "Version" })
  const shell = valueOf(
    flags.root.completions,
    given.filter((one) => one.flag.name === flags.root.completions.name)
  )
  if (Either.isLeft(shell)) return Either.left(shell.left)
  if (Option.isSome(shell.right)) return Either.right({ _tag: "Completions", shell: shell.right.value })
  if (name === undefined) {
    return Either.left(usageError("no command is given", 'See "obuilder --help" for what there is.'))
  }
  return Either.flatMap(commandNamed(name), (command) =>
    Either.gen(function* () {
      yield* checked(command, given, others)
      const value = <A>(flag: Flag.Flag<A>): Result<A> =>
        valueOf(
          flag,
          given.filter((one) => one.flag.name === flag.name)
        )
      const request: Request = {
        _tag: "Run",
        command: command.name,
        common: {
          help: false,
          verbose: yield* value(common.verbose),
          quiet: yield* value(common.quiet),
          verbosity: yield* value(common.verbosity),
          color: yield* value(common.color)
        },
        words: [...given.flatMap(flagWords), ...others.map(mark)]
      }
      return request
    })
  )
}

const flagWords = ({ flag, value }: Given): ReadonlyArray<string> =>
  flag.metavar === undefined && !flag.repeatable ? [Flag.written(flag)] : [Flag.written(flag), mark(value)]

/** Everything that can be wrong once it is known which command is meant. */
const checked = (command: CommandSpec, given: ReadonlyArray<Given>, words: ReadonlyArray<string>): Result<void> => {
  const own = Object.values(command.flags)
  const foreign = given.find(({ flag }) => !own.some((one) => one.name === flag.name))
  if (foreign !== undefined) return Either.left(notOf(command, foreign.flag))
  for (const flag of own) {
    const occurrences = given.filter((one) => one.flag.name === flag.name)
    if (occurrences.length > 1 && !flag.repeatable) {
      return Either.left(usageError(`${Flag.written(flag)} is given more than once`, see(command)))
    }
    const value = occurrences.length === 0 ? Either.right(undefined) : valueOf(flag, occurrences)
    if (Either.isLeft(value)) return Either.left(value.left)
  }
  const absent = own.find((flag) => flag.required && !given.some((one) => one.flag.name === flag.name))
  if (absent !== undefined) {
    const takesDockerfile = "buildArg" in command.flags && absent.name === "file"
    return Either.left(
      new UsageError({
        message: `${Flag.written(absent)} ${absent.metavar ?? ""} is missing`,
        hint: Option.some(`${absent.doc} ${see(command)}`),
        ...(takesDockerfile ? { withoutFile: { command: command.name, directory: words[0] } } : {})
      })
    )
  }
  const missing = command.positionals[words.length]
  if (missing !== undefined && (missing.repeated === undefined || missing.repeated === "at least one")) {
    return Either.left(usageError(`the argument ${missing.metavar} is missing`, `${missing.doc} ${see(command)}`))
  }
  const extra = words[command.positionals.length]
  const { repeated } = command.positionals.at(-1) ?? {}
  return extra === undefined || repeated === "at least one" || repeated === "any number"
    ? Either.void
    : Either.left(usageError(`unexpected argument ${JSON.stringify(extra)}`, see(command)))
}

const valueOf = <A>(flag: Flag.Flag<A>, given: ReadonlyArray<Given>): Result<A> =>
  Either.mapLeft(flag.read(given.map(({ value }) => value)), (reason) => usageError(`${Flag.written(flag)} ${reason}`))

const commandNamed = (name: string): Result<CommandSpec> =>
  Either.fromOption(findCommand(name), () => {
    const known = [...commandList.map((command) => command.name), "help"]
    return usageError(
      `there is no command ${JSON.stringify(name)}`,
      OtherWords.ofCommand(name) ??
        Option.match(suggest(name, known), {
          onNone: () => `The commands are ${known.join(", ")}.`,
          onSome: (word) => `Did you mean "${word}"?`
        })
    )
  })

const unknownFlag = (writing: string, args: ReadonlyArray<string>): UsageError => {
  const command = args.map(findCommand).find(Option.isSome)?.value
  const known = command === undefined ? allFlags : [...Object.values(command.flags), ...Object.values(flags.root)]
  // One letter is no hint at another.
  const candidates = writing.length === 2 ? [] : [...new Set(known.map(Flag.written))]
  const abbreviated = candidates.filter((candidate) => candidate.startsWith(writing))
  return usageError(
    `there is no option ${JSON.stringify(writing)}`,
    (command?.name === "build" ? OtherWords.ofBuildOption(writing) : undefined) ??
      Option.match(suggest(writing, abbreviated.length === 1 ? [] : candidates), {
        onNone: () => (abbreviated[0] === undefined ? see(command) : `Did you mean "${abbreviated[0]}"?`),
        onSome: (word) => `Did you mean "${word}"?`
      })
  )
}

const notOf = (command: CommandSpec, flag: AnyFlag): UsageError => {
  const owners = commandList.filter((one) => Object.values(one.flags).some(({ name }) => name === flag.name))
  const names = owners.map((one) => `"obuilder ${one.name}"`)
  const last = names.at(-1) ?? ""
  const all = names.length < 2 ? last : `${names.slice(0, -1).join(", ")} and ${last}`
  return usageError(`${Flag.written(flag)} is no option of "obuilder ${command.name}"`, `It is one of ${all}.`)
}

const needsValue = (flag: AnyFlag, next?: string): UsageError => {
  const writing = Flag.written(flag)
  return usageError(
    `${writing} needs a value`,
    next === undefined
      ? `Write ${writing} ${flag.metavar ?? ""}.`
      : `If ${JSON.stringify(next)} is meant to be its value, write ${writing}=${next}.`
  )
}

const takesNone = (flag: AnyFlag): UsageError => usageError(`${Flag.written(flag)} takes no value`)

const see = (command: CommandSpec | undefined): string =>
  `See "obuilder ${command === undefined ? "" : `${command.name} `}--help".`
