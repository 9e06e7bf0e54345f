import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import { readFileSync } from "node:fs"
import { atom, list, type Sexp } from "../../src/domain/Sexp.ts"
import { type SexpNode, toSexp } from "../../src/domain/SexpNode.ts"
import * as SexpPrinter from "../../src/domain/SexpPrinter.ts"
import * as SexpReader from "../../src/domain/SexpReader.ts"
import { textArbitrary } from "./SpecArbitrary.ts"

type Plain = string | ReadonlyArray<Plain>

const plain = (sexp: Sexp): Plain => (sexp._tag === "Atom" ? sexp.value : sexp.items.map(plain))

const read = (text: string): Plain | undefined =>
  Either.match(SexpReader.read(text), { onLeft: () => undefined, onRight: (node) => plain(toSexp(node)) })

const problem = (text: string): string =>
  Either.match(SexpReader.read(text), {
    onLeft: ({ start, end, message }) => `${start}-${end} ${message}`,
    onRight: () => "none"
  })

/** What `Sexp.load_sexp` of Sexplib 0.15.1 makes of texts, recorded by running it; without `sexp`, it refuses them. */
const recorded: ReadonlyArray<{ readonly text: string; readonly sexp?: Plain }> = JSON.parse(
  readFileSync(new URL("recorded/sexplib.json", import.meta.url), "utf8")
)

/** Of any depth, in any shape. */
const sexpArbitrary: FastCheck.Arbitrary<Sexp> = FastCheck.letrec<{ readonly sexp: Sexp }>((tie) => ({
  sexp: FastCheck.oneof(
    { maxDepth: 6, depthSize: "large" },
    textArbitrary.map(atom),
    FastCheck.array(tie("sexp"), { maxLength: 4 }).map((items) => list(...items))
  )
})).sexp

describe("the reader", () => {
  it.each(recorded.map(({ text, sexp }) => [JSON.stringify(text), text, sexp] as const))(
    "makes of %s what Sexplib makes of it",
    (_, text, sexp) => {
      expect(read(text)).toEqual(sexp)
    }
  )

  it("reads back what the printer printed", () => {
    FastCheck.assert(
      FastCheck.property(sexpArbitrary, (sexp) => {
        expect(read(SexpPrinter.print(sexp))).toEqual(plain(sexp))
      }),
      { numRuns: 1000 }
    )
  })

  it("answers for any text, with a place inside of it when there is a problem", () => {
    const pieces = FastCheck.constantFrom(
      ...'() \n\r\f;"\\#|ax10é',
      "#|",
      "|#",
      "#;",
      "\\x4",
      "\\200",
      "\u{1f600}",
      "\ud800"
    )
    FastCheck.assert(
      FastCheck.property(FastCheck.string({ unit: pieces, maxLength: 40 }), (text) => {
        const result = SexpReader.read(text)
        if (Either.isRight(result)) return
        const { start, end } = result.left
        expect(start).toBeGreaterThanOrEqual(0)
        expect(end).toBeGreaterThanOrEqual(start)
        expect(end).toBeLessThanOrEqual(text.length)
      }),
      { numRuns: 3000 }
    )
  })

  it("reads and prints a hundred thousand nested lists", () => {
    const text = "(".repeat(100_000) + ")".repeat(100_000)
    const nested = Either.getOrThrow(SexpReader.read(text))
    expect(SexpPrinter.print(toSexp(nested))).toBe(text)
  })

  it("says so when a hundred thousand nested lists are not closed", () => {
    expect(problem("(".repeat(100_000))).toBe("99999-100000 this list is never closed")
    expect(problem("(".repeat(100_000) + ")".repeat(99_999))).toBe("0-1 this list is never closed")
  })

  it("knows where each atom and list stands", () => {
    const text = '(a "b\\n" #;(c) (d #|e|# f))'
    const places = (node: SexpNode): ReadonlyArray<string> => [
      text.slice(node.start, node.end),
      ...(node._tag === "List" ? [...node].flatMap(places) : [])
    ]
    expect(places(Either.getOrThrow(SexpReader.read(text)))).toEqual([text, "a", '"b\\n"', "(d #|e|# f)", "d", "f"])
  })

  it("makes one character of adjacent byte escapes, also across an escaped line end", () => {
    expect(read('"\\195\\169"')).toBe("é")
    expect(read('"\\xf0\\159\\\n   \\x98\\128"')).toBe("😀")
    expect(read('"a\\195\\169é\\195\\169b"')).toBe("aéééb")
  })

  it.each([
    ["a byte that begins no character", '("ab\\255")', "4-8"],
    ["half a character", '("ab\\195 \\169")', "4-8"],
    ["half a character at the end", '("\\195\\169\\195")', "10-14"],
    ["an overlong form", '("\\192\\128")', "2-6"],
    ["a surrogate", '("\\237\\160\\128")', "2-6"]
  ])("refuses escapes that make %s, and says where", (_, text, place) => {
    expect(problem(text)).toBe(`${place} the bytes that are escaped here are not UTF-8 text`)
  })

  it("asks for UTF-8 only in what it keeps", () => {
    expect(read('(a #;"\\255" #|"\\255"|#)')).toEqual(["a"])
  })

  it("blames the list that the indentation says was to be closed", () => {
    expect(problem('((from a)\n (run (shell "x")\n (workdir /)\n (env A B))')).toBe("11-12 this list is never closed")
    expect(problem('((from a)\n (run (shell "x"))\n (workdir /)')).toBe("0-1 this list is never closed")
  })
})

describe("the printer", () => {
  it("quotes only what must be quoted, and escapes all but printable ASCII", () => {
    expect(["a", "", "a b", "a'b", "#", "|", "#|", "a|#", ";", "é", '\u0000\n\\"\u007f'].map(SexpPrinter.atom)).toEqual(
      ["a", '""', '"a b"', "a'b", "#", "|", '"#|"', '"a|#"', '";"', '"\\195\\169"', '"\\000\\n\\\\\\"\\127"']
    )
  })
})
