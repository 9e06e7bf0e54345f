import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import { readFileSync } from "node:fs"
import * as SpecFormat from "../../../src/domain/format/SpecFormat.ts"
import * as TokenTable from "../../../src/domain/format/TokenTable.ts"
import * as SpecText from "../../../src/domain/SpecText.ts"
import { specArbitrary } from "../SpecArbitrary.ts"
import { example } from "./example.ts"
import { format, holdsTheLaws, said } from "./layoutLaws.ts"

const gap: FastCheck.Arbitrary<string> = FastCheck.oneof(
  { weight: 6, arbitrary: FastCheck.constantFrom(" ", "\n", "\n\n\n", "\r\n\t ") },
  {
    weight: 1,
    arbitrary: FastCheck.constantFrom(
      " ; a comment (\n",
      " ;\n;; two  \n",
      "\n; own line\n",
      "\n\n; own lines\n\n\n; and more\n",
      " #| a block (comment |# ",
      "\n#| of #| two |#\n   lines |#\n",
      " #| a |# #| b |#\n",
      ' #;(left (out\n ; within\n (a "b\\\n c" #| d |#))) ',
      ' #;"\\200 bytes" ',
      " #;#; x #| y |# (z) ",
      " #; ; between\n atom ",
      "\n#;(run (network host) (shell make))\n"
    )
  }
)

/** A spec as a text with blanks and comments at each place where they can be. */
const sprinkled: FastCheck.Arbitrary<string> = FastCheck.tuple(
  specArbitrary(),
  FastCheck.infiniteStream(gap),
  FastCheck.infiniteStream(FastCheck.nat({ max: 5 }))
).map(([spec, gaps, breaks]) => {
  const tokens = TokenTable.read(SpecText.print(spec))
  const next = (): string => gaps.next().value ?? ""
  const pieces = Array.from({ length: tokens.length }, (_, index) => {
    const token = tokens.slice(index)
    return `${next()}${token.startsWith('"') ? broken(token, () => breaks.next().value ?? 0) : token}`
  })
  return `${pieces.join("")}${next()}`
})

/** A quoted atom of the same value, on several lines here and there. */
const broken = (token: string, dice: () => number): string =>
  token.replaceAll(/\\(?:\d{3}|.|\n +)| /g, (unit, offset: number) => {
    if (unit.startsWith("\\\n")) return unit
    if (unit === " ") return dice() === 0 ? "\\\n   \\032" : unit
    if (unit === "\\n") return dice() === 0 ? "\n" : unit
    // A blank that follows would go with the line's end.
    return dice() === 0 && token[offset + unit.length] !== " " ? `${unit}\\\n  ` : unit
  })

describe("the layout of a spec", () => {
  it("is what it should be", () => {
    expect(format(example.written)).toBe(example.formatted)
  })

  it("keeps the spec and all comments, in order, and is its own layout", () => {
    FastCheck.assert(FastCheck.property(sprinkled, holdsTheLaws), { numRuns: 400 })
  })

  it("keeps what is printed, too", () => {
    FastCheck.assert(
      FastCheck.property(specArbitrary({ depth: 3 }), (spec) => holdsTheLaws(SpecText.print(spec))),
      { numRuns: 300 }
    )
  })

  it.each(["examples/hello/hello.spec"])("is the one that %s has", (file) => {
    const text = readFileSync(file, "utf8")
    expect(format(text)).toBe(text)
  })

  it("is refused for what is no spec, with what the reader says", () => {
    const texts = [
      "",
      "((from a)",
      "((frm a))",
      "FROM busybox",
      ")",
      '"',
      "#|",
      "((from a) (copy (from (build b)) (src a) (dst b)))"
    ]
    for (const text of texts) {
      const expected = Either.flip(SpecText.parse(text, { file: "test.spec" }))
      expect(Either.flip(SpecFormat.format(text, { file: "test.spec" }))).toEqual(expected)
    }
  })

  it("is refused for what would be too long for anybody", () => {
    const nested = `((from a) #;${"(a ".repeat(85_000)}${")".repeat(85_000)})`
    const refused = Either.getOrThrow(Either.flip(SpecFormat.format(nested, { file: "test.spec" })))
    expect(refused.message).toBe("this file is longer than 5 million characters")
  })

  it("is an answer for any text", () => {
    const unit = FastCheck.constantFrom(
      ...'() \n\r;"\\#|a',
      "#|",
      "|#",
      "#;",
      "from",
      "run",
      "((from a)",
      '(run (shell "',
      "\ud800"
    )
    FastCheck.assert(
      FastCheck.property(FastCheck.string({ unit, maxLength: 40 }), FastCheck.boolean(), (text, within) => {
        const whole = within ? `((from a) ${text})` : text
        const formatted = SpecFormat.format(whole, { file: "test.spec" })
        expect(Either.isRight(formatted)).toBe(Either.isRight(SpecText.parse(whole, { file: "test.spec" })))
        if (Either.isRight(formatted)) holdsTheLaws(whole)
      }),
      { numRuns: 3000 }
    )
  })

  it("has no line beyond a hundred columns that could be shorter", () => {
    const names = Array.from({ length: 40 }, (_, index) => `a-file-${index}`).join(" ")
    const lines = format(`((from a) (copy (src ${names}) (dst ./)) (shell ${names}))`).split("\n")
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(100)
    expect(lines.some((line) => line.length > 85)).toBe(true)
  })

  it("writes letters of all scripts as they are, and what cannot be seen as escapes", () => {
    expect(format('((from "caf\\195\\169") (comment "日本\t\u202e\u001b"))')).toBe(
      '((from "café")\n (comment "日本\\t\\226\\128\\174\\027"))\n'
    )
  })

  it("is made of what is nested fifty thousand lists deep, and no larger than it has to be", () => {
    for (const inner of ["", " ; deep\n", " a\n#| b |#"]) {
      const text = `((from a) #;${"(a ".repeat(50_000)}${inner}${")".repeat(50_000)})`
      const formatted = format(text)
      expect(formatted.length).toBeLessThan(text.length * 30)
      expect(said(formatted).join("\n") === said(text).join("\n")).toBe(true)
      expect(format(formatted) === formatted).toBe(true)
    }
    holdsTheLaws(`${"((build a ".repeat(500)}((from b))${") (from b))".repeat(500)}`)
  })

  it("is made of a file of a megabyte", () => {
    const operations = '(run (cache (c (target /c))) (shell "make \\n all")) ; made\n'.repeat(17_000)
    expect(format(`((from a) ${operations})`).split("\n").length).toBe(3 * 17_000 + 3)
  })
})
