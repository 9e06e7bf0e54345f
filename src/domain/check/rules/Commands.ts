/** Rules about what steps run. */
import type { Run } from "../../Spec.ts"
import { show } from "../../SpecFields.ts"
import { fetches, installs, isOpamRepository, isOpamUpdate, program } from "../Programs.ts"
import type { Match, Rule } from "../Rule.ts"
import { type Command, commands } from "../ShellCommands.ts"
import { runs, type Situated, type Stage, type Subject } from "../Subject.ts"

/** The steps that run something in a Unix shell. */
const shellRuns = (stage: Stage): ReadonlyArray<Situated & { readonly op: Run }> =>
  runs(stage).filter(({ isUnixShell }) => isUnixShell)

const eachRun = (
  { stages }: Pick<Subject, "stages">,
  find: (op: Run, all: ReadonlyArray<Command>) => Match | undefined
) =>
  stages.flatMap(shellRuns).flatMap(({ op }): ReadonlyArray<Match> => {
    const match = find(op, commands(op.shell))
    return match === undefined ? [] : [match]
  })

const shown = (command: Command): string => show(command.slice(0, 3).join(" "))

export const broadCopy: Rule = {
  name: "broad-copy",
  severity: "warning",
  summary: "packages that are installed after all of the source directory was copied",
  why: "they are installed again whenever any file changes",
  remedy: "install before that copy; where a file says what to install, copy that file alone before",
  find: ({ parsed, stages }) =>
    stages.flatMap((stage): ReadonlyArray<Match> => {
      const at = stage.ops.findIndex(({ op }) => op._tag === "Copy" && op.from._tag === "Context" && op.src.some(isAll))
      const copy = stage.ops[at]
      if (copy === undefined) return []
      // What installs more of the same after that copy, needs what was copied.
      const before = new Set(
        stage.ops.slice(0, at).flatMap(({ isUnixShell, op }) =>
          op._tag === "Run" && isUnixShell
            ? commands(op.shell)
                .filter((one) => installs(one) !== undefined)
                .map(program)
            : []
        )
      )
      for (const { isUnixShell, op } of stage.ops.slice(at + 1)) {
        if (op._tag !== "Run" || !isUnixShell) continue
        const command = commands(op.shell).find((one) => installs(one) !== undefined && !before.has(program(one)))
        if (command === undefined) continue
        const line = parsed.spans.get(copy.op)?.start.line
        return [
          {
            part: op,
            message: `${shown(command)} runs again whenever a file changes, since ${line === undefined ? "a copy" : `the copy in line ${line}`} takes them all`,
            hint:
              installs(command) === "packages"
                ? "put this step before that copy"
                : "copy what says what to install, install, and copy the rest after that"
          }
        ]
      }
      return []
    })
}

const isAll = (path: string): boolean => /^\.?\/*(?:\.\/*)*$/.test(path)

export const noNetwork: Rule = {
  name: "no-network",
  severity: "warning",
  summary: "a step that fetches something, without `(network host)`",
  why: "steps have no network unless they ask for it",
  remedy: "add `(network host)`",
  find: (subject) =>
    subject.stages.flatMap((stage) => {
      let hasRepository = false
      return shellRuns(stage).flatMap(({ op }): ReadonlyArray<Match> => {
        const command = commands(op.shell).find((one) => {
          hasRepository ||= isOpamRepository(one)
          return op.network.length === 0 && fetches(one) && !(hasRepository && isOpamUpdate(one))
        })
        if (command === undefined) return []
        const edit = subject.addition(op, "(network host)")
        return [
          {
            part: op,
            message: `${shown(command)} needs a network, and this step has none`,
            hint: "add `(network host)`",
            fix: edit === undefined ? undefined : { description: "Add (network host).", safe: false, edit }
          }
        ]
      })
    })
}

const isApt =
  (verb: string) =>
  ([program = "", ...words]: Command): boolean =>
    (program === "apt-get" || program === "apt") && words.includes(verb)

export const aptYes: Rule = {
  name: "apt-yes",
  severity: "warning",
  summary: "`apt-get install` without `-y`",
  why: "it asks before it installs, and nobody answers",
  remedy: "add `-y`",
  find: ({ stages }) =>
    eachRun({ stages: stages.filter((stage) => !isToldYes(stage)) }, (op, all) => {
      // `yes | apt-get install …` answers, and so does `echo y | …`.
      const isAnswered =
        all.some(([name]) => name === "yes") || /\b(?:echo|printf)\b[^|;&\n]{0,100}\|(?!\|)/.test(op.shell)
      const asks = !isAnswered && all.some((command) => isApt("install")(command) && !command.some(isYes))
      return asks
        ? { part: op, message: "`apt-get install` asks before it installs, and nobody answers", hint: "add `-y`" }
        : undefined
    })
}

/** A step may have written it to a file of apt's. */
const isToldYes = (stage: Stage): boolean =>
  stage.ops.some(
    ({ op }) =>
      (op._tag === "Run" && /assume-yes/i.test(op.shell)) || (op._tag === "Env" && /assume-yes/i.test(op.value))
  )

const isYes = (word: string): boolean =>
  /^-[a-zA-Z]*[ys]|^-q+q|^--(?:yes|assume-yes|simulate|dry-run|force-yes|help|version)$|^APT::Get::Assume-Yes=/i.test(
    word
  )

export const aptUpdate: Rule = {
  name: "apt-update",
  severity: "warning",
  summary: "`apt-get install` in another step than `apt-get update`",
  why: "the list of packages comes from the cache, and is as old as that: what it names may be gone",
  remedy: "run both in one step: `apt-get update && apt-get install -y …`",
  find: ({ parsed, stages }) =>
    stages.flatMap((stage) => {
      let updated: Run | undefined
      return shellRuns(stage).flatMap(({ op }): ReadonlyArray<Match> => {
        const all = commands(op.shell)
        const before = updated
        const updates = all.some(isApt("update"))
        if (updates) updated = op
        if (updates || before === undefined || !all.some(isApt("install"))) return []
        const line = parsed.spans.get(before)?.start.line
        return [
          {
            part: op,
            message: `the list of packages is the one that the step${line === undefined ? "" : ` in line ${line}`} once fetched`,
            hint: "run `apt-get update` in the step that installs"
          }
        ]
      })
    })
}

export const emptyCommand: Rule = {
  name: "empty-command",
  severity: "warning",
  summary: "a command without any text",
  why: "the step does nothing",
  remedy: "take it away",
  find: ({ stages }) =>
    stages
      .flatMap(runs)
      .flatMap(({ op }): ReadonlyArray<Match> =>
        op.shell.trim() === "" ? [{ part: op, message: "this command is empty", hint: "take the step away" }] : []
      )
}

export const lostSetting: Rule = {
  name: "lost-setting",
  severity: "warning",
  summary: "a step that only sets something of its own shell, as `cd` and `export` do",
  why: "the shell ends with the step, and what it set is gone",
  remedy: "`(workdir DIR)` or `(env NAME VALUE)`, or the same command as what needs it",
  find: (subject) =>
    eachRun(subject, (op, all) => {
      const last = all.at(-1)
      if (last === undefined || !all.every(([program = ""]) => Object.hasOwn(settings, program))) return undefined
      return {
        part: op,
        message: `what ${shown(last)} sets is gone when this step ends`,
        hint: settings[last[0] ?? ""]
      }
    })
}

const instead = "run it in the same step as what needs it"

const settings: Readonly<Record<string, string>> = {
  cd: "write `(workdir DIR)`",
  export: "write `(env NAME VALUE)`",
  unset: instead,
  umask: instead,
  alias: instead,
  source: instead,
  ulimit: instead
}
