/** `obuilder check`: says what in specs is probably not meant so. Needs neither a store nor a source directory. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as CheckJson from "../domain/check/CheckJson.ts"
import * as Sarif from "../domain/check/Sarif.ts"
import * as SpecCheck from "../domain/check/SpecCheck.ts"
import { visible } from "../domain/DisplayText.ts"
import * as Diagnostic from "../domain/Diagnostic.ts"
import { SpecError } from "../domain/SpecError.ts"
import { suggest } from "../domain/Suggestion.ts"
import * as Cooperate from "../interpreters/host/Cooperate.ts"
import { allRules } from "../plan/PlanRule.ts"
import * as Colors from "./Colors.ts"
import type { CliError } from "./ErrorText.ts"
import type { Given } from "./Flag.ts"
import type { flags } from "./Flags.ts"
import { Host } from "./Host.ts"
import { isQuiet } from "./Logging.ts"
import { Output } from "./Output.ts"
import { displayName, distinct, readText, readToRewrite, say } from "./SpecFiles.ts"
import * as Units from "./Units.ts"
import { type UsageError, usageError } from "./UsageError.ts"
import { Verdict } from "./Verdict.ts"

type CheckFlags = Given<typeof flags.check> & { readonly files: ReadonlyArray<string> }

export const check = (given: CheckFlags): Effect.Effect<void, CliError, Host | Output> =>
  Effect.gen(function* () {
    yield* known(given.ignore)
    if (given.fix && given.files.includes("-")) return yield* usageError("--fix cannot change standard input")
    const checked: Array<SpecCheck.Checked> = []
    let unread = false
    for (const name of yield* distinct(given.files)) {
      const text = yield* Effect.either(textOf(name, given))
      if (text._tag === "Right") {
        checked.push(yield* patiently(() => SpecCheck.checking(text.right, optionsFor(name, given))))
      } else if (text.left instanceof SpecError) checked.push(SpecCheck.unreadable(text.left))
      else if (text.left._tag === "UsageError") {
        unread = true
        yield* say(text.left, given.color)
      } else return yield* Effect.fail(text.left)
    }
    yield* print(checked, given)
    const worst = SpecCheck.worst(checked.flatMap(({ findings }) => findings))
    const isInput = unread || worst === "error"
    if (isInput || worst === "warning" || (worst === "note" && given.strict)) return yield* new Verdict({ isInput })
  })

const optionsFor = (name: string, { ignore }: CheckFlags): SpecCheck.CheckOptions => ({
  file: displayName(name),
  ignore,
  rules: allRules
})

/** Lets signals in between the rules. */
const patiently = <A>(work: () => SpecCheck.Work<A>): Effect.Effect<A> =>
  Effect.orDie(Cooperate.run(work, (error) => error))

/** The file's text, after what `--fix` has changed in it. */
const textOf = (name: string, given: CheckFlags): Effect.Effect<string, CliError, Host | Output> =>
  Effect.gen(function* () {
    if (!given.fix) return yield* readText(name)
    const { rewrite, text } = yield* readToRewrite(name)
    const fixed = yield* patiently(() => SpecCheck.fixing(text, optionsFor(name, given)))
    if (fixed === text) return text
    yield* rewrite(fixed, isQuiet(given) ? undefined : "changed")
    return fixed
  })

const known = (ignore: ReadonlyArray<string>): Effect.Effect<void, UsageError> => {
  if (ignore.includes(SpecCheck.SYNTAX)) return usageError("a text that is no spec cannot be ignored")
  const names = [...allRules, ...SpecCheck.others].map(({ name }) => name).filter((name) => name !== SpecCheck.SYNTAX)
  const wrong = ignore.find((name) => !names.includes(name))
  if (wrong === undefined) return Effect.void
  return usageError(
    `there is no rule ${JSON.stringify(wrong)}`,
    Option.match(suggest(wrong, names), {
      onNone: () => `The rules are ${names.join(", ")}.`,
      onSome: (near) => `Did you mean "${near}"?`
    })
  )
}

/** How many findings of a file a person reads; programs get them all. */
const MOST = 100

const print = (
  checked: ReadonlyArray<SpecCheck.Checked>,
  given: CheckFlags
): Effect.Effect<void, CliError, Host | Output> =>
  Effect.gen(function* () {
    const { stderr, stdout } = yield* Output
    const format = Option.getOrElse(given.format, () => "text" as const)
    if (format === "json") return yield* stdout.write(CheckJson.render(checked))
    if (format === "sarif") return yield* stdout.write(Sarif.render(checked, allRules))
    const color = Colors.enabled(given.color, stdout, yield* Host)
    for (const { file, findings, text } of checked) {
      for (const finding of findings.slice(0, MOST)) {
        yield* stdout.write(`${Diagnostic.render({ ...finding, file, text }, { color })}\n`)
      }
      const more = findings.length - MOST
      if (more > 0) yield* stdout.write(`${visible(file)}: and ${more} more\n`)
    }
    const all = checked.flatMap(({ findings }) => findings)
    if (all.length === 0 || isQuiet(given)) return
    const counts = (["error", "warning", "note"] as const)
      .map((severity) => [severity, all.filter((one) => one.severity === severity).length] as const)
      .filter(([, count]) => count > 0)
      .map(([severity, count]) => Units.counted(count, severity))
    yield* stderr.write(`${counts.join(", ")}\n`)
  })
