/** The specs of the reference cases, which are full of comments: their layout, and what is found in them. */
import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import { readFileSync } from "node:fs"
import * as SpecCheck from "../../src/domain/check/SpecCheck.ts"
import * as SpecText from "../../src/domain/SpecText.ts"
import { allRules } from "../../src/plan/PlanRule.ts"
import { holdsTheLaws } from "../domain/format/layoutLaws.ts"

const cases: ReadonlyArray<{
  readonly spec: string
  readonly expect: { readonly unix: { readonly result: string } }
}> = readFileSync("../shared/reference/dockerfile-cases.jsonl", "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => JSON.parse(line))

describe("the reference's specs", () => {
  it("are laid out with all that they say, and their layout is its own", () => {
    let kept = 0
    for (const { spec } of cases) {
      if (Either.isLeft(SpecText.parse(spec, { file: "case" }))) continue
      holdsTheLaws(spec)
      kept++
    }
    expect(kept).toBeGreaterThan(200)
  })

  it("are all checked, and those that OBuilder refuses are errors", () => {
    for (const { expect: expected, spec } of cases) {
      const { findings } = SpecCheck.check(spec, { file: "case", rules: allRules, ignore: [] })
      expect(findings.some(({ rule }) => rule === SpecCheck.SYNTAX)).toBe(expected.unix.result === "rejected")
    }
  })
})
