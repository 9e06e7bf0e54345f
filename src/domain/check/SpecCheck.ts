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
export const check = (text: string, options: CheckOptions): Checked => toTheEnd(checking(text, options))

/** Work that may be left where it yields. */
export type Work<A> = Generator<void, A, void>

const toTheEnd = <A>(work: Work<A>): A => {
  for (;;) {
    const next = work.next()
    if (next.done === true) return next.value
  }
}

/** {@link check}, which yields after each rule: for who has signals to listen to besides. */
export function* checking(text: string, { file, ignore = [], rules = Rules.all }: CheckOptions): Work<Checked> {
  if (text.length > SpecFormat.longest) return unreadable(SpecFormat.tooLong(text, { file }))
  const parsed = SpecReader.parse(text, { file })
  yield
  if (Either.isLeft(parsed)) return unreadable(parsed.left)
  return { file, text, findings: yield* search(parsed.right, rules, ignore) }
}

/** What is found in a text that is no spec. */
export const unreadable = (error: SpecError): Checked => ({
  file: error.file,
  text: error.text,
  findings: [syntax(error)]
})

function* search(
  parsed: SpecReader.ParsedSpec,
  rules: ReadonlyArray<Rule>,
  ignore: ReadonlyArray<string>
): Work<ReadonlyArray<Finding>> {
  const subject = Subject.make(parsed)
  const names = [...rules, ...others].map(({ name }) => name)
  const ignores = Ignores.read(parsed.text, names)
  const left = new Set(ignore)
  const found: Array<Finding> = []
  for (const rule of rules) {
    if (left.has(rule.name)) continue
    for (const { fix, hint, message, part } of rule.find(subject)) {
      found.push({
        rule: rule.name,
        severity: rule.severity,
        span: parsed.spans.get(part) ?? BEGINNING,
        message,
        expected: Option.none(),
        hint: Option.fromNullable(hint),
        fix: Option.fromNullable(fix)
      })
    }
    yield
  }
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
export const fix = (text: string, options: CheckOptions): string => toTheEnd(fixing(text, options))

/** {@link fix}, which yields as {@link checking} does. */
export function* fixing(text: string, options: CheckOptions): Work<string> {
  let fixed = text
  for (let round = 0; round < ROUNDS; round++) {
    const { findings } = yield* checking(fixed, options)
    const edits = findings.flatMap((one) => (Option.isSome(one.fix) && one.fix.value.safe ? [one.fix.value.edit] : []))
    if (edits.length === 0) return fixed
    fixed = apply(fixed, edits)
  }
  return fixed
}

/** A build that is taken away may have been the only one that copied from another, which then goes in the next round. */
const ROUNDS = 100

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
