/** Scripts that complete command lines in a shell, made from the table of flags. Pure. */
import * as Flag from "./Flag.ts"
import { commandList, type CommandSpec } from "./CommandTable.ts"
import { flags } from "./Flags.ts"

export type Shell = "bash" | "zsh" | "fish"

export const completions = (shell: Shell): string => {
  const lines = { bash, zsh, fish }[shell]()
  return `${lines.join("\n")}\n`
}

type AnyFlag = Flag.Flag<unknown>

const NAMES = [...commandList.map(({ name }) => name), "help"]

const flagsOf = (command: CommandSpec): ReadonlyArray<AnyFlag> => Object.values(command.flags)

const rootFlags: ReadonlyArray<AnyFlag> = Object.values(flags.root)

/** `-s`, `--store`. */
const writings = (flag: AnyFlag): ReadonlyArray<string> => [
  ...(flag.short === undefined ? [] : [`-${flag.short}`]),
  Flag.written(flag)
]

const takesFile = (flag: AnyFlag): boolean => flag.metavar === "FILE" || flag.metavar === "PATH"

/** Completes flags, and the values of those with few; for all else bash's own completion of files remains. */
const bash = (): ReadonlyArray<string> => {
  const valueCases = (label: string, own: ReadonlyArray<AnyFlag>) =>
    own
      .filter((flag) => flag.metavar !== undefined)
      .map((flag) => {
        const patterns = writings(flag).map((writing) => `"${label} ${writing}"`)
        return `    ${patterns.join("|")}) words="${flag.choices.join(" ")}" ;;`
      })
  const nameCase = (label: string, words: ReadonlyArray<string>) => `    "${label} "*) words="${words.join(" ")}" ;;`
  return [
    "_obuilder() {",
    '  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" command="" word words=""',
    "  # Readline takes --flag=value for three words.",
    '  [[ $current == "=" ]] && current=""',
    '  [[ $previous == "=" ]] && previous="${COMP_WORDS[COMP_CWORD-2]}"',
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    `    case "$word" in ${NAMES.join("|")}) command="$word"; break ;; esac`,
    "  done",
    '  case "$command $previous" in',
    ...valueCases("", rootFlags),
    ...commandList.flatMap((command) => valueCases(command.name, flagsOf(command))),
    nameCase("", [...NAMES, ...rootFlags.flatMap(writings)]),
    nameCase(
      "help",
      commandList.map(({ name }) => name)
    ),
    // An argument of the command may be a file; its flags are for who begins one.
    '    *) if [[ $current != -* ]]; then words=""; else case "$command" in',
    ...commandList.map(
      ({ name, flags }) => `      ${name}) words="${Object.values(flags).flatMap(writings).join(" ")}" ;;`
    ),
    "    esac fi ;;",
    "  esac",
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    "}",
    "complete -o default -F _obuilder obuilder"
  ]
}

const singleQuoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

const zsh = (): ReadonlyArray<string> => {
  const plain = (text: string) => text.replaceAll(/[\\[\]:]/g, (sign) => `\\${sign}`)
  const argument = (flag: AnyFlag): string => {
    const names = writings(flag)
    const value =
      flag.metavar === undefined
        ? ""
        : `:${plain(flag.metavar)}:${takesFile(flag) ? "_files" : `(${flag.choices.join(" ")})`}`
    const text = (name: string) => `${name}${flag.metavar !== undefined && name.startsWith("--") ? "=" : ""}`
    const exclusive = flag.repeatable ? "*" : `(${names.join(" ")})`
    return names.map((name) => singleQuoted(`${exclusive}${text(name)}[${plain(flag.doc)}]${value}`)).join(" ")
  }
  const described = commandList.map((command) => `${command.name}\\:${singleQuotedInside(command.summary)}`)
  return [
    "#compdef obuilder",
    "_obuilder() {",
    "  local state line context",
    "  typeset -A opt_args",
    `  _arguments -C -S ${rootFlags.map(argument).join(" ")} \\`,
    `    ${singleQuoted(`1:command:((${[...described, "help"].join(" ")}))`)} '*::argument:->argument' && return`,
    '  case "$line[1]" in',
    ...commandList.map((command) => {
      const positionals = command.positionals.map(({ metavar, repeated }) =>
        singleQuoted(
          `${repeated === undefined ? "" : "*"}:${metavar}:${metavar === "DIR" ? "_files -/" : metavar === "FILE" ? "_files" : ""}`
        )
      )
      return `    ${command.name}) _arguments -S ${[...flagsOf(command).map(argument), ...positionals].join(" ")} ;;`
    }),
    `    help) _values command ${commandList.map(({ name }) => name).join(" ")} ;;`,
    "  esac",
    "}",
    'if [ "$funcstack[1]" = "_obuilder" ]; then _obuilder "$@"; else compdef _obuilder obuilder; fi'
  ]
}

const singleQuotedInside = (text: string): string => `"${text.replaceAll(/["\\`$]/g, (sign) => `\\${sign}`)}"`

const fish = (): ReadonlyArray<string> => {
  const quoted = (text: string) => `'${text.replaceAll(/[\\']/g, (sign) => `\\${sign}`)}'`
  const line = (condition: string, ...words: ReadonlyArray<string>) =>
    `complete -c obuilder -n ${quoted(condition)} ${words.join(" ")}`
  const flagWords = (flag: AnyFlag): ReadonlyArray<string> => {
    const names = [flag.short ?? "", flag.name].filter((name) => name !== "")
    const value =
      flag.metavar === undefined
        ? []
        : takesFile(flag)
          ? ["-r", "-F"]
          : ["-x", ...(flag.choices.length > 0 ? ["-a", quoted(flag.choices.join(" "))] : [])]
    return [...names.flatMap((name) => [name.length === 1 ? "-s" : "-l", name]), ...value, "-d", quoted(flag.doc)]
  }
  return [
    "complete -c obuilder -f",
    ...rootFlags.map((flag) => line("__fish_use_subcommand", ...flagWords(flag))),
    ...commandList.map(({ name, summary }) => line("__fish_use_subcommand", "-a", name, "-d", quoted(summary))),
    line("__fish_use_subcommand", "-a", "help"),
    line("__fish_seen_subcommand_from help", "-a", quoted(commandList.map(({ name }) => name).join(" "))),
    ...commandList.flatMap((command) => {
      const condition = `__fish_seen_subcommand_from ${command.name}`
      const takesDirectory = command.positionals.some(({ metavar }) => metavar === "DIR")
      return [
        ...flagsOf(command).map((flag) => line(condition, ...flagWords(flag))),
        ...(command.positionals.some(({ metavar }) => metavar === "FILE") ? [line(condition, "-F")] : []),
        ...(takesDirectory ? [line(condition, "-a", quoted("(__fish_complete_directories)"))] : [])
      ]
    })
  ]
}
