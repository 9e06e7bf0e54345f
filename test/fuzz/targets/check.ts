/** `check` with all rules and the planner's: places, fixes, and the renderings of what is found. */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as CheckJson from "../../../src/domain/check/CheckJson.ts"
import * as Sarif from "../../../src/domain/check/Sarif.ts"
import * as SpecCheck from "../../../src/domain/check/SpecCheck.ts"
import * as Diagnostic from "../../../src/domain/Diagnostic.ts"
import type { Spec } from "../../../src/domain/Spec.ts"
import type { Position } from "../../../src/domain/Span.ts"
import * as SpecText from "../../../src/domain/SpecText.ts"
import { plan } from "../../../src/plan/Planner.ts"
import { allRules } from "../../../src/plan/PlanRule.ts"
import * as planner from "./planner.ts"
import { holds, textOf } from "./Target.ts"

export const seeds: ReadonlyArray<string> = [
  ...planner.seeds,
  `((build unused ((from debian)))
 (build used ((build used ((from a@sha256:0000000000000000000000000000000000000000000000000000000000000000))) (from debian:12)))
 (from oci:)
 ; check: ignore no-network, cache-owner
 (run (cache (c (target d))) (shell "apt-get update"))
 (user (uid 1) (gid 1)) (workdir a) (workdir /b)
 (copy (src . *.c) (dst /x/) (exclude a/b))
 (run (cache (c (target /c)) (d (target /c/d))) (shell "cd x && DEBIAN=y sudo apt-get install gcc; python3 -m pip install -r 'r.txt'"))
 ; check: ignore nothing
 (env API_KEY abc) (env PATH /opt) (env A "$B") (env A c)
 (copy (from (build used)) (src a b) (dst c))
 (run (network x) (shell ""))
 (run (shell "export A=b")))`
]

export const words: ReadonlyArray<string> = [
  ...planner.words,
  ..."curl wget git clone https://a apt-get install update -y && || ; | $( ) ` ' # npm ci pip cd export yes *.c".split(
    " "
  ),
  "; check: ignore ",
  ...allRules.flatMap(({ name }) => [name, `; check: ignore ${name}\n`]),
  "(workdir /a)",
  "(workdir C:a)",
  "(env a c)",
  "(build b ((from a)))"
]

/** Counted anew: a position is the offset, and what that makes of the text. */
const isPosition = (text: string, { column, line, offset }: Position): boolean => {
  const before = text.slice(0, offset).split("\n")
  return offset <= text.length && line === before.length && column === (before.at(-1) ?? "").length + 1
}

const resultOf = (spec: Spec): string | undefined =>
  Either.getOrUndefined(Either.map(plan(spec, planner.inputsOf(spec)), ({ result }) => result))

export const fuzz = (data: Uint8Array): void => {
  const text = textOf(data)
  const options = { file: text.slice(0, 12), rules: allRules }
  const checked = SpecCheck.check(text, options)
  const parsed = SpecText.parse(text, options)
  holds(
    Either.isLeft(parsed) === checked.findings.some(({ rule }) => rule === SpecCheck.SYNTAX),
    "a text is a spec, or one finding says that it is none"
  )
  for (const finding of checked.findings.slice(0, 50)) {
    const { end, start } = finding.span
    holds(start.offset <= end.offset && isPosition(text, start) && isPosition(text, end), "a finding is in the text")
    Diagnostic.render({ ...finding, file: options.file, text })
    const { edit } = Option.getOrElse(finding.fix, () => ({ edit: { start: 0, end: 0, text: "" } }))
    holds(0 <= edit.start && edit.start <= edit.end && edit.end <= text.length, "a fix is in the text")
    const changed = text.slice(0, edit.start) + edit.text + text.slice(edit.end)
    holds(Either.isLeft(parsed) || Either.isRight(SpecText.parse(changed, options)), "a spec that was fixed is a spec")
  }
  const report: unknown = JSON.parse(CheckJson.render([checked]))
  holds(JSON.stringify(report) === JSON.stringify(CheckJson.report([checked])), "a report can be read as JSON")
  JSON.parse(Sarif.render([checked], allRules))
  if (Either.isLeft(parsed)) return
  const fixed = SpecText.parse(SpecCheck.fix(text, options), options)
  if (Either.isLeft(fixed)) throw new Error("broken: a spec with all its fixes is a spec")
  const before = resultOf(parsed.right.spec)
  holds(before === undefined || before === resultOf(fixed.right.spec), "safe fixes leave the result as it is")
}
