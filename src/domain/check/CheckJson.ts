/** What was found, as JSON. `CheckReport.ts` says what is in it. */
import * as Option from "effect/Option"
import type { CheckReport } from "./CheckReport.ts"
import type { Checked } from "./SpecCheck.ts"

export const report = (checked: ReadonlyArray<Checked>): CheckReport => ({
  version: 1,
  files: checked.map(({ file, findings }) => ({
    file,
    findings: findings.map(({ expected, fix, hint, message, rule, severity, span }) => ({
      rule,
      severity,
      message,
      expected: Option.getOrNull(expected),
      hint: Option.getOrNull(hint),
      start: span.start,
      end: span.end,
      fix: Option.getOrNull(Option.map(fix, ({ description, edit, safe }) => ({ description, safe, ...edit })))
    }))
  }))
})

/** Indented, ending with a line end. */
export const render = (checked: ReadonlyArray<Checked>): string => `${JSON.stringify(report(checked), null, 2)}\n`
