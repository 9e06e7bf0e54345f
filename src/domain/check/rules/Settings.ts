/** Rules about what is set for the steps that follow. */
import { show } from "../../SpecFields.ts"
import type { Op } from "../../Spec.ts"
import type { Match, Rule } from "../Rule.ts"

type Env = Extract<Op, { readonly _tag: "Env" }>

const eachEnv =
  (find: (op: Env, base: string) => Omit<Match, "part"> | undefined): Rule["find"] =>
  ({ stages }) =>
    stages.flatMap(({ spec }) =>
      spec.ops.flatMap((op): ReadonlyArray<Match> => {
        const match = op._tag === "Env" ? find(op, spec.from) : undefined
        return match === undefined ? [] : [{ part: op, ...match }]
      })
    )

export const secretInEnv: Rule = {
  name: "secret-in-env",
  severity: "warning",
  summary: "a variable that by its name is a password, a token or a key",
  why: "whoever has the spec or the image can read it",
  remedy: "give it as a secret: `(secrets (NAME (target PATH)))` and `--secret NAME:FILE`",
  find: eachEnv(({ name, value }) =>
    isSecret(name) && !/^(?:$|[/.]|[A-Za-z]:\\|(?:true|false|yes|no|on|off)$|\d$|\$)/i.test(value)
      ? {
          message: `the value of ${show(name)} can be read by all who have the spec or the image`,
          hint: "let the step that needs it have it as a secret: `(secrets (NAME (target PATH)))`"
        }
      : undefined
  )
}

const isSecret = (name: string): boolean =>
  /(?:^|_)(?:TOKEN|PASSWORD|PASSWD|PASSPHRASE|SECRET|SECRET_KEY|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|CREDENTIALS?)$/i.test(
    name
  )

/** The dynamic linker's own, as in `LD_LIBRARY_PATH`. */
const linkers = /^\$\{?(?:ORIGIN|LIB|PLATFORM)\}?$/

const substitutions = (value: string): ReadonlyArray<string> =>
  [...value.slice(0, 100_000).matchAll(new RegExp(substitution, "g"))].map(([found]) => found)

const substitution = /\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*[^}]{0,100}\})/

export const literalVariable: Rule = {
  name: "literal-variable",
  severity: "warning",
  summary: "a variable whose value has another one in it, as `$NAME`",
  why: "values are taken as they are written: nothing is put in its place",
  remedy: "write the value in full, or `export` it in the command that needs it",
  find: eachEnv(({ name, value }) => {
    const found = substitutions(value).find((one) => !linkers.test(one))
    return found === undefined
      ? undefined
      : { message: `${show(found)} in ${show(name)} is taken as it is written`, hint: "write its value in full" }
  })
}

export const lostPath: Rule = {
  name: "lost-path",
  severity: "warning",
  summary: "a `PATH` without the directories that programs are in",
  why: "the base's is replaced, and commands are not found any more",
  remedy: "name `/usr/bin` and `/bin`, too",
  find: eachEnv(({ name, value }, base) =>
    name === "PATH" &&
    base !== "scratch" &&
    !/\/nix\/|\.nix-profile\/|\/run\/current-system\//.test(value) &&
    !substitution.test(value.slice(0, 100_000)) &&
    !/[;\\]|(?:^|:)(?:\/usr)?\/bin\/?(?::|$)/.test(value)
      ? { message: "this `PATH` has neither `/usr/bin` nor `/bin`", hint: "it replaces the base's: write all of it" }
      : undefined
  )
}

export const noEffect: Rule = {
  name: "no-effect",
  severity: "warning",
  summary: "an `env`, `user`, `shell` or `workdir` that another replaces before anything runs",
  why: "it changes nothing",
  remedy: "take it away, or the one that replaces it",
  find: (subject) =>
    subject.stages.flatMap(({ spec }): ReadonlyArray<Match> => {
      /** What has been set since something ran, by what it sets. */
      const pending = new Map<string, Op>()
      return spec.ops.flatMap((op): ReadonlyArray<Match> => {
        if (op._tag === "Run" || op._tag === "Copy") pending.clear()
        const key = keyOf(op)
        if (key === undefined) return []
        const before = pending.get(key)
        pending.set(key, op)
        if (before === undefined || goesOn(before, op)) return []
        // What `C:/` is depends on the base: on Linux it is the name of a directory.
        const safe = op._tag !== "Workdir" || op.path.startsWith("/")
        const edit = subject.removal(before)
        const line = subject.parsed.spans.get(op)?.start.line
        return [
          {
            part: before,
            message: `this \`${before._tag.toLowerCase()}\` is replaced${line === undefined ? "" : ` in line ${line}`} before anything runs`,
            hint: "take one of them away",
            fix: edit === undefined ? undefined : { description: "Take it away.", safe, edit }
          }
        ]
      })
    })
}

/** A relative directory goes on from the one before, and on Windows one without a drive is on the drive of that. */
const goesOn = (before: Op, op: Op): boolean =>
  before._tag === "Workdir" &&
  op._tag === "Workdir" &&
  (op.path.startsWith("/") ? /^[A-Za-z]:/.test(before.path) : !/^[A-Za-z]:[/\\]/.test(op.path))

const keyOf = (op: Op): string | undefined => {
  switch (op._tag) {
    case "Env":
      return `Env ${op.name}`
    case "User":
    case "Shell":
    case "Workdir":
      return op._tag
    default:
      return undefined
  }
}

export const relativeWorkdir: Rule = {
  name: "relative-workdir",
  severity: "note",
  summary: "a relative `workdir` before any absolute one",
  why: "the reader has to know that a spec begins in `/`",
  remedy: "write the absolute path",
  find: ({ stages }) =>
    stages.flatMap(({ spec }): ReadonlyArray<Match> => {
      const op = spec.ops.find(({ _tag }) => _tag === "Workdir")
      if (op?._tag !== "Workdir" || /^(?:[/\\]|[A-Za-z]:)/.test(op.path)) return []
      return [{ part: op, message: `${show(op.path)} is relative to \`/\``, hint: "write an absolute path" }]
    })
}
