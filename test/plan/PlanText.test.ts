import * as FastCheck from "effect/FastCheck"
import { describe, expect, it } from "vitest"
import type { Op } from "../../src/domain/Spec.ts"
import * as SexpPrinter from "../../src/domain/SexpPrinter.ts"
import * as SpecPrinter from "../../src/domain/SpecPrinter.ts"
import { oneLine } from "../../src/plan/PlanText.ts"
import { copy, run } from "../interpreters/builds.ts"

describe("a heading in one line", () => {
  it("has a command of several lines as one atom", () => {
    const heading = SpecPrinter.heading("/src", run('set -e\necho  one \n  make "all"\n'))
    expect(heading).toContain("\\\n")
    expect(oneLine(heading)).toBe(String.raw`/src: (run (shell "set -e\necho  one \n  make \"all\"\n"))`)
  })

  it("is the operation's text, whatever it holds", () => {
    const value = FastCheck.array(
      FastCheck.constantFrom(
        "\n",
        "\\",
        '"',
        " ",
        "  ",
        "n",
        "a",
        "(",
        ")",
        ";",
        "\t",
        "\r",
        "é",
        "a word of some length"
      ),
      { maxLength: 30 }
    ).map((parts) => parts.join(""))
    const op: FastCheck.Arbitrary<Op> = FastCheck.oneof(
      value.map((shell) => run(shell)),
      FastCheck.tuple(value, value).map(([shell, target]) => run(shell, { caches: { c: target }, network: ["host"] })),
      FastCheck.tuple(value, value).map(([src, dst]) => copy([src, "b"], dst, { exclude: [src] })),
      FastCheck.tuple(value, value).map(([name, value]): Op => ({ _tag: "Env", name, value })),
      FastCheck.array(value).map((args): Op => ({ _tag: "Shell", args }))
    )
    FastCheck.assert(
      FastCheck.property(op, (one) => {
        expect(oneLine(SpecPrinter.heading("/w", one))).toBe(`/w: ${SexpPrinter.print(SpecPrinter.opSexp(one))}`)
      }),
      { numRuns: 500 }
    )
  })

  it("is made in no time of many blanks", () => {
    const blanks = " ".repeat(1_000_000)
    expect(oneLine(`/: (run (shell "a${blanks}b"))\n  c`)).toBe(`/: (run (shell "a${blanks}b")) c`)
  })
})
