/** docs/check.md says what the commands do. */
import * as Either from "effect/Either"
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import * as SpecCheck from "../../src/domain/check/SpecCheck.ts"
import * as Diagnostic from "../../src/domain/Diagnostic.ts"
import * as SpecFormat from "../../src/domain/format/SpecFormat.ts"
import { allRules } from "../../src/plan/PlanRule.ts"

const page = readFileSync("docs/check.md", "utf8")

const blocks = (language: string): ReadonlyArray<string> =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, "g"))].map(([, text = ""]) => text)

describe("docs/check.md", () => {
  it("has a row for each rule, with its own words", () => {
    const rows = page.split("\n").filter((line) => line.startsWith("| `"))
    expect(rows).toEqual(
      [...SpecCheck.others, ...allRules].map(
        ({ name, remedy, severity, summary, why }) => `| \`${name}\` | ${severity} | ${summary} | ${why} | ${remedy} |`
      )
    )
  })

  it("shows what check says of its spec", () => {
    const [text = ""] = blocks("scheme")
    const [shown = ""] = blocks("text")
    const { findings } = SpecCheck.check(text, { file: "app.spec", rules: allRules })
    expect(findings.map((finding) => `${Diagnostic.render({ ...finding, file: "app.spec", text })}\n`).join("")).toBe(
      shown
    )
  })

  it("shows a layout that is one", () => {
    const [, text = ""] = blocks("scheme")
    expect(Either.getOrThrow(SpecFormat.format(text, { file: "app.spec" }))).toBe(text)
  })

  it("names the rules that have safe fixes", () => {
    const [, named = ""] = /`--fix` takes away what (.*) find\./.exec(page) ?? []
    const fixing = allRules
      .filter(({ find }) => /\bsafe\b(?!: false)/.test(String(find)))
      .map(({ name }) => `\`${name}\``)
    expect(fixing.join(" and ")).toBe(named)
  })
})
