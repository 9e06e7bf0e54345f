/** The specs of the reference cases: what OBuilder accepts is accepted, and what it refuses is refused with its place. */
import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import { readFileSync } from "node:fs"
import * as SpecText from "../../src/domain/SpecText.ts"

interface Case {
  readonly id: string
  readonly spec: string
  readonly expect: { readonly unix: { readonly result: "converted" | "rejected" | "unspecified" } }
}

const cases: ReadonlyArray<Case> = readFileSync("../shared/reference/dockerfile-cases.jsonl", "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => JSON.parse(line))

describe("the reference's specs", () => {
  it.each(cases.map((one) => [one.id, one] as const))("%s is accepted or refused as OBuilder does", (id, one) => {
    const result = SpecText.parse(one.spec, { file: `${id}.spec` })
    // A spec that is valid may still have no Dockerfile: that is what "unspecified" says.
    expect(Either.isLeft(result)).toBe(one.expect.unix.result === "rejected")
    if (Either.isLeft(result)) {
      const { start, end } = result.left.span
      const lines = one.spec.split("\n")
      expect(start.line).toBeLessThanOrEqual(lines.length)
      expect(start.column).toBeLessThanOrEqual((lines[start.line - 1] ?? "").length + 1)
      expect(end.offset).toBeGreaterThanOrEqual(start.offset)
      expect(result.left.message).not.toBe("")
    } else {
      const printed = SpecText.print(result.right.spec)
      expect(Either.getOrThrow(SpecText.parse(printed, { file: id })).spec).toEqual(result.right.spec)
    }
  })
})
