/** Looks for what is probably not meant so in a spec. Pure: nothing is known but its text. */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as SpecFormat from "../format/SpecFormat.ts"
import * as Source from "../Source.ts"
import type { Span } from "../Span.ts"
import type { SpecError } from "../SpecError.ts"
import * as SpecReader from "../SpecReader.ts"
import type { Edit, Finding, Severity } from "./Finding.ts"
import * as Ignores from "./Ignores.ts"
import type { Rule } from "./Rule.ts"
import * as Rules from "./Rules.ts"
import * as Subject from "./Subject.ts"

export type { Edit, Finding, Fix, Severity } from "./Finding.ts"
export type { Match, Rule } from "./Rule.ts"

/** What all that is found in one file is called that no rule has found. */
export const SYNTAX = "syntax"
export const UNKNOWN_RULE = "unknown-rule"

/** What is found without a rule's own search. */
export const others: ReadonlyArray<Pick<Rule, "name" | "severity" | "summary" | "why" | "remedy">> = [
  {
    name: SYNTAX,
    severity: "error",
    summary: "a text that is no spec, or a copy from a build that cannot be seen",
    why: "the build ends before it has begun",
    remedy: "what the message says"
  },
  {
    name: UNKNOWN_RULE,
    severity: "warning",
    summary: "a `check: ignore` without a rule that there is",
    why: "it ignores nothing",
    remedy: "write the rule's name as it is here"
  }
]

/** What was found in a text. */
export interface Checked {
  /** How the user named the file. */
  readonly file: string
  readonly text: string
  /** In the order in which they stand in the text. */
  readonly findings: ReadonlyArray<Finding>
}

export interface CheckOptions {
  /** For messages alone. */
  readonly file: string
  /** Names of rules to leave out. */
  readonly ignore?: ReadonlyArray<string>
  /** {@link Rules.all} by default. */
  readonly rules?: ReadonlyArray<Rule>
}

/** Never fails: a text that is no spec is one finding. */
export const check = (text: string, { file, ignore = [], rules = Rules.all }: CheckOptions): Checked => {
  const parsed =
    text.length > SpecFormat.longest
      ? Either.map(SpecFormat.format(text, { file }), () => undefined)
      : SpecReader.parse(text, { file })
  if (Either.isLeft(parsed)) return unreadable(parsed.left)
  if (parsed.right === undefined) return { file, text, findings: [] }
  return { file, text, findings: search(parsed.right, rules, ignore) }
}

/** What is found in a text that is no spec. */
export const unreadable = (error: SpecError): Checked => ({
  file: error.file,
  text: error.text,
  findings: [syntax(error)]
})

const search = (
  parsed: SpecReader.ParsedSpec,
  rules: ReadonlyArray<Rule>,
  ignore: ReadonlyArray<string>
): ReadonlyArray<Finding> => {
  const subject = Subject.make(parsed)
  const names = [...rules, ...others].map(({ name }) => name)
  const ignores = Ignores.read(parsed.text, names)
  const left = new Set(ignore)
  const found = rules.flatMap((rule): ReadonlyArray<Finding> =>
    left.has(rule.name)
      ? []
      : [...rule.find(subject)].map(({ fix, hint, message, part }) => ({
          rule: rule.name,
          severity: rule.severity,
          span: parsed.spans.get(part) ?? BEGINNING,
          message,
          expected: Option.none(),
          hint: Option.fromNullable(hint),
          fix: Option.fromNullable(fix)
        }))
  )
  const kept = found.filter(({ rule, span }) => !ignores.ignored(rule, span.start.offset))
  const source = Source.make(parsed.file, parsed.text)
  const wrong = left.has(UNKNOWN_RULE)
    ? []
    : ignores.wrong.map(({ end, hint, message, start }): Finding => ({
        rule: UNKNOWN_RULE,
        severity: "warning",
        span: source.span(start, end),
        message,
        expected: Option.none(),
        hint: Option.fromNullable(hint),
        fix: Option.none()
      }))
  return [...kept, ...wrong].sort((a, b) => a.span.start.offset - b.span.start.offset)
}

const BEGINNING: Span = {
  start: { offset: 0, line: 1, column: 1 },
  end: { offset: 0, line: 1, column: 1 }
}

const syntax = ({ expected, hint, message, span }: SpecError): Finding => ({
  rule: SYNTAX,
  severity: "error",
  span,
  message,
  expected,
  hint,
  fix: Option.none()
})

/** The worst of what was found; `undefined` where nothing was. */
export const worst = (findings: ReadonlyArray<Finding>): Severity | undefined =>
  (["error", "warning", "note"] as const).find((severity) => findings.some((one) => one.severity === severity))

/**
 * The text with all safe fixes made that do not overlap, as often as that
 * brings up others.
 */
export const fix = (text: string, options: CheckOptions): string => {
  let fixed = text
  for (let round = 0; round < ROUNDS; round++) {
    const edits = check(fixed, options).findings.flatMap((one) =>
      Option.isSome(one.fix) && one.fix.value.safe ? [one.fix.value.edit] : []
    )
    if (edits.length === 0) return fixed
    fixed = apply(fixed, edits)
  }
  return fixed
}

/** A build that is taken away may have been the only one that used another. */
const ROUNDS = 20

/** Of edits that overlap, the first is made. */
const apply = (text: string, edits: ReadonlyArray<Edit>): string => {
  const pieces: Array<string> = []
  let at = 0
  for (const edit of [...edits].sort((a, b) => a.start - b.start || b.end - a.end)) {
    if (edit.start < at) continue
    pieces.push(text.slice(at, edit.start), edit.text)
    at = edit.end
  }
  return pieces.join("") + text.slice(at)
}
