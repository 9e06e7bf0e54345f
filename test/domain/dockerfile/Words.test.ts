import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import { spawnSync } from "node:child_process"
import * as Words from "../../../src/domain/dockerfile/Words.ts"

const values: Readonly<Record<string, string>> = {
  x: "a/b/c.tar.gz",
  empty: "",
  blanks: "  a  b ",
  quoted: "\"'$x\\"
}
const lookup: Words.Lookup = (name) => values[name]
const options = { escape: "\\" }

const expand = (text: string, escape = "\\"): string => Either.getOrThrow(Words.expand(text, lookup, { escape }))
const message = (text: string): string =>
  Either.match(Words.expand(text, lookup, options), {
    onLeft: ({ message }) => message,
    onRight: (word) => `accepted: ${word}`
  })

describe("a word", () => {
  it.each([
    ["", ""],
    ["a b", "a b"],
    ["$x", "a/b/c.tar.gz"],
    ["-${x}-", "-a/b/c.tar.gz-"],
    ["$unset.", "."],
    ["$", "$"],
    ["a$ b", "a$ b"],
    ["\\$x", "$x"],
    ["'$x'", "$x"],
    ['"$x"', "a/b/c.tar.gz"],
    ["\"'\"'\"'", "'\""],
    ["$quoted", "\"'$x\\"],
    ["a\\b", "ab"],
    ['"a\\b\\$\\"\\\\"', 'a\\b$"\\'],
    ["'a\\b'", "a\\b"],
    ["a\\", "a"],
    ["$1a", "a"],
    ["$x$x", "a/b/c.tar.gza/b/c.tar.gz"],
    ["é$xü", "é"],
    ["é${x}ü", "éa/b/c.tar.gzü"]
  ])("is read as in a shell: %j", (text, expected) => {
    expect(expand(text)).toBe(expected)
  })

  it.each([
    ["${empty:-d}", "d"],
    ["${empty-d}", ""],
    ["${unset-d e}", "d e"],
    ["${unset:-${unset:-'}'}}", "}"],
    ["${unset:-$x}", "a/b/c.tar.gz"],
    ["${x:+y}", "y"],
    ["${empty:+y}", ""],
    ["${empty+y}", "y"],
    ["${unset+y}", ""],
    ["${x:?m}", "a/b/c.tar.gz"],
    ["${empty?m}", ""],
    ["${x#*/}", "b/c.tar.gz"],
    ["${x##*/}", "c.tar.gz"],
    ["${x%.*}", "a/b/c.tar"],
    ["${x%%.*}", "a/b/c"],
    ["${x#?/}", "b/c.tar.gz"],
    ["${x#q}", "a/b/c.tar.gz"],
    ["${x/\\//_}", "a_b/c.tar.gz"],
    ["${x//\\//_}", "a_b_c.tar.gz"],
    ["${x//[a]/_}", "a/b/c.tar.gz"],
    ["${x//?/_}", "____________"],
    ["${x/b*./_}", "a/_gz"],
    ["${x/q/_}", "a/b/c.tar.gz"],
    ["${x//\\*/_}", "a/b/c.tar.gz"]
  ])("replaces %s", (text, expected) => {
    expect(expand(text)).toBe(expected)
  })

  it("is escaped by the file's escape character", () => {
    expect(expand("C:\\a`$x\\$empty`", "`")).toBe("C:\\a$x\\")
    expect(expand('"`""', "`")).toBe('"')
  })

  it.each([
    ["'a", "a `'` without the one that ends it"],
    ['"a', 'a `"` without the one that ends it'],
    ["${x", "`${` without `}`"],
    ["${x:-a", "`${` without `}`"],
    ["${", "`${` without `}`"],
    ["${}", "`${}` names no variable"],
    ["${{x}}", "`${{` names no variable"],
    ["${x:=a}", "`:=` after a variable's name"],
    ["${x^a}", "`^` after a variable's name"],
    ["${x/a}", "`${` without `/`"],
    ["${unset:?say why}", "`unset` is not set: say why"],
    ["${unset?}", "`unset` is not set"],
    ["${empty:?}", "`empty` is empty"],
    ["${x#\\q}", "the pattern `\\q` has the escape `\\q`"],
    ["${x:-".repeat(1000), "variables are nested more than 100 deep"]
  ])("says what is wrong with %s", (text, expected) => {
    expect(message(text)).toContain(expected)
  })

  it("does not grow beyond measure", () => {
    const long = "x".repeat(100_000)
    const result = Words.expand("$a".repeat(1000), () => long, options)
    expect(Either.isLeft(result) && result.left.message).toContain("becomes longer than its text")
    const replaced = Words.expand("${a//?/$a$a$a}", () => long, options)
    expect(Either.isLeft(replaced)).toBe(true)
  })

  it("is not matched for longer than it is worth", () => {
    const value = "a".repeat(200_000)
    const pattern = `*${"a".repeat(100_000)}b`
    const result = Words.expand(`\${a#${pattern}}`, () => value, options)
    expect(Either.isLeft(result) && result.left.message).toBe("matching this pattern takes too long")
  })
})

describe("words", () => {
  it.each([
    ["a  b\tc", ["a", "b", "c"]],
    ["  a ", ["a"]],
    ["a\\ b 'c d' \"e f\"g", ["a b", "c d", "e fg"]],
    ["a${blanks}b", ["a", "a", "b", "b"]],
    ['a"${blanks}"b', ["a  a  b b"]],
    ["$empty '' a", ["a"]],
    ["a${unset:-b c}", ["ab", "c"]],
    ["", []]
  ])("are split at blanks after variables were replaced: %j", (text, expected) => {
    expect(Either.getOrThrow(Words.expandWords(text, lookup, options))).toEqual(expected)
  })
})

describe("a here-document", () => {
  it("has its variables replaced, and its quotes kept", () => {
    expect(Either.getOrThrow(Words.expandDocument("it's \"$x\" \\$x ${empty:-'d'}\n", lookup))).toBe(
      "it's \"a/b/c.tar.gz\" $x 'd'\n"
    )
  })
})

describe("variables", () => {
  it.each([
    ["$a${b}'$c'\\$d", ["a", "b"]],
    ["${a:-$b}${c+$d}${e?$f}${g%$h}${i/$j/$k}", ["b", "a", "d", "c", "f", "e", "h", "g", "j", "k", "i"]],
    ["$a$a", ["a"]],
    ["$a ${b", ["a"]],
    ["no", []]
  ])("are the names that a text asks for: %s", (text, expected) => {
    expect(Words.variables(text, options)).toEqual(expected)
  })
})

describe("what sh has, too", () => {
  // A shell may take `é` for two characters of which none is a letter, and the `$` of `$$` is no name here.
  const literal = FastCheck.string({ unit: FastCheck.constantFrom(..."ab/.- "), maxLength: 4 })
  const name = FastCheck.constantFrom("v", "w", "empty", "unset")
  const pattern = FastCheck.string({
    unit: FastCheck.constantFrom("a", "b", ".", "*", "?", "\\*", "\\?"),
    maxLength: 6
  })
  const inner = FastCheck.oneof(
    literal,
    name.map((name) => `$${name}`),
    name.map((name) => `\${${name}}`)
  )
  const part = FastCheck.oneof(
    { weight: 2, arbitrary: inner },
    // A single quote within a default stands for itself in a shell that is within double quotes.
    FastCheck.constantFrom("\\$v", '\\"', "\\\\", "$."),
    FastCheck.tuple(name, FastCheck.constantFrom(":-", "-", ":+", "+"), inner).map(
      ([name, how, word]) => `\${${name}${how}${word}}`
    ),
    FastCheck.tuple(name, FastCheck.constantFrom("#", "##", "%", "%%"), pattern).map(
      ([name, how, word]) => `\${${name}${how}${word}}`
    )
  )
  // Within double quotes, as a Dockerfile's word is: a shell would split and glob the rest.
  const word = FastCheck.array(part, { minLength: 1, maxLength: 4 }).map((parts) => `"${parts.join("")}"`)
  const value = FastCheck.string({ unit: FastCheck.constantFrom(..."aabb.*?/"), maxLength: 8 })

  it("is expanded as sh does it", () => {
    const cases = FastCheck.sample(FastCheck.tuple(word, value, value), 500)
    const script = [
      'show() { printf "%s\\0" "$1"; }',
      "empty=",
      ...cases.map(([word, v, w]) => `v='${v}' w='${w}'; show ${word}`)
    ].join("\n")
    const { stdout, stderr } = spawnSync("/bin/sh", ["-s"], {
      input: script,
      env: { LC_ALL: "C" },
      encoding: "utf8"
    })
    expect(stderr).toBe("")
    const expected = stdout.split("\0").slice(0, -1)
    const found = cases.map(([word, v, w]) => {
      const lookup: Words.Lookup = (name) => ({ v, w, empty: "" })[name]
      return Either.getOrThrow(Words.expand(word, lookup, options))
    })
    expect(cases.map(([word], index) => [word, found[index]])).toEqual(
      cases.map(([word], index) => [word, expected[index]])
    )
  })
})
