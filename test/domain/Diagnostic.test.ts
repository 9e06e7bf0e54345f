import { describe, expect, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import { stripVTControlCharacters } from "node:util"
import * as Diagnostic from "../../src/domain/Diagnostic.ts"
import { width } from "../../src/domain/DisplayText.ts"
import * as Source from "../../src/domain/Source.ts"

/** Shows the first `marked` in a text. */
const show = (text: string, marked: string, options?: Diagnostic.RenderOptions): string => {
  const start = text.indexOf(marked)
  return Diagnostic.render(
    {
      file: "a.spec",
      text,
      span: Source.make("a.spec", text).span(start, start + marked.length),
      message: "found this"
    },
    options
  )
}

/** The source line and the line of carets, without their gutters. */
const excerpt = (shown: string): readonly [string, string] => {
  const [, , line = "", carets = ""] = shown.split("\n")
  return [line.replace(/^\d+ \| ?/, ""), carets.replace(/^ +\| /, "")]
}

describe("a diagnostic", () => {
  it("shows the place, the line, carets, what was expected, and what to do", () => {
    const text = "one\ntwo three\nfour"
    const start = text.indexOf("three")
    const shown = Diagnostic.render({
      file: "a.spec",
      text,
      span: Source.make("a.spec", text).span(start, start + 5),
      message: "found `three`",
      expected: Option.some("`3`"),
      hint: Option.some("write `3`")
    })
    expect(shown).toBe(
      [
        "a.spec:2:5: error: found `three`",
        "  |",
        "2 | two three",
        "  |     ^^^^^",
        "  = expected: `3`",
        "  = hint: write `3`"
      ].join("\n")
    )
  })

  it("says how bad it is, if it is no error, and which rule has found it", () => {
    const span = Source.make("a.spec", "ab").span(0, 1)
    const warning = { file: "a.spec", text: "ab", span, message: "found this", severity: "warning", rule: "r" } as const
    expect(Diagnostic.render(warning)).toMatch(/^a\.spec:1:1: warning: found this \[r\]\n/)
    expect(Diagnostic.render(warning, { color: true })).toContain("\u001b[1;33m^\u001b[0m")
    expect(Diagnostic.render({ ...warning, severity: "note" })).toMatch(/^a\.spec:1:1: note: /)
  })

  it("keeps the gutter straight when the line's number is long", () => {
    expect(show(`${"\n".repeat(1233)}here`, "here")).toBe(
      ["a.spec:1234:1: error: found this", "     |", "1234 | here", "     | ^^^^"].join("\n")
    )
  })

  it("marks the first line of what goes on over several", () => {
    expect(excerpt(show("ab (c\nd) e", "(c\nd)"))).toEqual(["ab (c", "   ^^"])
    expect(excerpt(show("ab (c\r\nd) e", "(c\r\nd)"))).toEqual(["ab (c", "   ^^"])
  })

  it("marks one column where there is nothing to mark", () => {
    expect(excerpt(show("ab\n", ""))).toEqual(["ab", "^"])
    const end = Diagnostic.render({
      file: "a",
      text: "ab\n",
      span: Source.make("a", "ab\n").span(3, 3),
      message: "end"
    })
    expect(end).toBe(["a:2:1: error: end", "  |", "2 |", "  | ^"].join("\n"))
  })

  it.each([
    ["tabs", "\ta\tmark", "    a    mark", 9],
    ["wide characters", "日本 mark", "日本 mark", 5],
    ["characters of two code units", "😀 mark", "😀 mark", 3],
    ["combining marks", "e\u0301 mark", "e\u0301 mark", 2],
    ["control characters", "\u001b[2J\u0007 mark", "\\u{1b}[2J\\u{7} mark", 15],
    ["characters that turn the text's direction", "\u202eab\u2066 mark", "\\u{202e}ab\\u{2066} mark", 19]
  ])("puts carets right behind %s", (_, text, line, columns) => {
    expect(excerpt(show(text, "mark"))).toEqual([line, `${" ".repeat(columns)}^^^^`])
  })

  it("shows what is near the place in a line of ten megabytes", () => {
    const text = `${"日".repeat(5_000_000)}mark${"é".repeat(5_000_000)}`
    const [line, carets] = excerpt(show(text, "mark"))
    expect(line).toBe(`…${"日".repeat(60)}mark${"é".repeat(86)}…`)
    expect(carets).toBe(`${" ".repeat(121)}^^^^`)
  })

  it("cuts no character in half", () => {
    for (const before of [60, 61, 62]) {
      const text = `${"x".repeat(before % 2)}${"😀".repeat(100)}${"x".repeat(before)}mark${"😀".repeat(100)}`
      expect(show(text, "mark")).not.toMatch(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/)
    }
  })

  it("puts the carets below the mark, wherever it stands", () => {
    const pieces = FastCheck.constantFrom("a", " ", "\t", "é", "日", "😀", "e\u0301", "\u0007", "\u202e")
    const text = FastCheck.string({ unit: pieces, maxLength: 200 })
    FastCheck.assert(
      FastCheck.property(text, text, (before, after) => {
        const [line, carets] = excerpt(show(`${before}MARK${after}`, "MARK"))
        expect(width(line.slice(0, line.indexOf("MARK")))).toBe(carets.indexOf("^"))
        expect(carets.trimStart()).toBe("^^^^")
      }),
      { numRuns: 1000 }
    )
  })

  it("shows names and messages without what would act on the terminal", () => {
    const span = Source.make("a", "x").span(0, 1)
    const shown = Diagnostic.render({
      file: "\u001b]0;a\u0007",
      text: "x",
      span,
      message: "a\nb\u001b[1m",
      hint: Option.some("\u202e")
    })
    expect(shown).toBe(
      ["\\u{1b}]0;a\\u{7}:1:1: error: a\\nb\\u{1b}[1m", "  |", "1 | x", "  | ^", "  = hint: \\u{202e}"].join("\n")
    )
  })

  it("has colours when they are asked for, and is the same text beneath them", () => {
    const coloured = show("one two", "two", { color: true })
    expect(coloured).toContain("\u001b[1;31merror:\u001b[0m")
    expect(stripVTControlCharacters(coloured)).toBe(show("one two", "two"))
  })
})
