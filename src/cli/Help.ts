/** Help texts, made from the table of flags. Pure. */
import * as Option from "effect/Option"
import * as Flag from "./Flag.ts"
import { commandList, type CommandSpec, usageOf } from "./CommandTable.ts"
import { flags } from "./Flags.ts"
import { EXIT_CODES } from "./ExitCode.ts"

type AnyFlag = Flag.Flag<unknown>

/** The help of a command, or of the whole program. */
export const help = (command: Option.Option<CommandSpec>): string =>
  Option.match(command, { onNone: programHelp, onSome: commandHelp })

const programHelp = (): string =>
  page([
    ["obuilder builds specs: each step runs in a sandbox, and its result is kept."],
    ["Usage: obuilder COMMAND [OPTION]... [ARGUMENT]"],
    [
      "Commands:",
      ...columns([
        ...commandList.map((command) => [usageName(command), command.summary] as const),
        ["help COMMAND", "Show a command's options, with examples."]
      ])
    ],
    ["Options:", ...columns(Object.values(flags.root).map(flagRow))],
    ["Exit status:", ...columns(EXIT_CODES.map(({ code, meaning }) => [String(code), meaning]))],
    ["Examples:", "  obuilder healthcheck", "  obuilder build -f example.spec .", "  obuilder help build"]
  ])

const commandHelp = (command: CommandSpec): string => {
  const all = Object.values(command.flags)
  const shared = all.filter((flag) => isShared(flag))
  const own = all.filter((flag) => !isShared(flag))
  const required = own.filter((flag) => flag.required).map((flag) => `${Flag.written(flag)} ${flag.metavar ?? ""}`)
  const words = [...required, "[OPTION]...", ...command.positionals.map(usageOf)]
  return page([
    [command.summary],
    [`Usage: obuilder ${command.name} ${words.join(" ")}`],
    command.positionals.length === 0
      ? []
      : ["Arguments:", ...columns(command.positionals.map(({ metavar, doc }) => [metavar, doc]))],
    ["Options:", ...columns(own.map(flagRow))],
    ["Common options:", ...columns(shared.map(flagRow))],
    command.notes
  ])
}

const isShared = (flag: AnyFlag): boolean => Object.values<AnyFlag>(flags.root).some(({ name }) => name === flag.name)

const usageName = (command: CommandSpec): string => [command.name, ...command.positionals.map(usageOf)].join(" ")

const flagRow = (flag: AnyFlag): readonly [string, string] => {
  const value = flag.metavar === undefined ? "" : flag.name.length === 1 ? ` ${flag.metavar}` : `=${flag.metavar}`
  const short = flag.short === undefined ? "" : `-${flag.short}, `
  return [
    `${short}${Flag.written(flag)}${value}${flag.repeatable && flag.metavar !== undefined ? "..." : ""}`,
    flag.doc
  ]
}

/** Two columns, the second wrapped to what is left of 80 characters. */
const columns = (rows: ReadonlyArray<readonly [string, string]>): ReadonlyArray<string> => {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.flatMap(([left, right]) => {
    const [first = "", ...rest] = wrap(right, 80 - width - 4)
    return [`  ${left.padEnd(width)}  ${first}`, ...rest.map((line) => `${" ".repeat(width + 4)}${line}`)]
  })
}

const wrap = (text: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === "" ? word : `${line} ${word}`
  }
  return [...lines, line]
}

const page = (blocks: ReadonlyArray<ReadonlyArray<string>>): string =>
  `${blocks
    .filter((block) => block.length > 0)
    .map((block) => block.join("\n"))
    .join("\n\n")}\n`
