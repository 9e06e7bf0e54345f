import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import { pairs } from "../../../src/domain/dockerfile/Pairs.ts"

type Keyword = "ENV" | "LABEL" | "ARG"

const read = (text: string, keyword: Keyword, escape = "\\"): ReadonlyArray<readonly [string, string | undefined]> =>
  Either.getOrThrow(pairs(text, { escape, keyword })).map(({ name, value }) => [name, value] as const)

describe("pairs", () => {
  it.each([
    ["ENV", "a=b", [["a", "b"]]],
    [
      "ENV",
      "a=b c=d",
      [
        ["a", "b"],
        ["c", "d"]
      ]
    ],
    [
      "ENV",
      "a=\"b c\" d='e f' g=h\\ i",
      [
        ["a", '"b c"'],
        ["d", "'e f'"],
        ["g", "h\\ i"]
      ]
    ],
    [
      "ENV",
      "a=b=c d=",
      [
        ["a", "b=c"],
        ["d", ""]
      ]
    ],
    [
      "ENV",
      "a=1 a=2",
      [
        ["a", "1"],
        ["a", "2"]
      ]
    ],
    ["ENV", 'a="b\\" c"', [["a", '"b\\" c"']]],
    [
      "ENV",
      "a='b\\' c=d",
      [
        ["a", "'b\\'"],
        ["c", "d"]
      ]
    ],
    ["ENV", "a=b\\", [["a", "b"]]],
    ["ENV", 'a="b c', [["a", '"b c']]],
    ["ENV", "a b  c=d 'e", [["a", "b  c=d 'e"]]],
    ["ENV", "a \t b", [["a", "b"]]],
    ["LABEL", '"a b"="c d"', [['"a b"', '"c d"']]],
    ["ARG", "a", [["a", undefined]]],
    [
      "ARG",
      "a b=c d=",
      [
        ["a", undefined],
        ["b", "c"],
        ["d", ""]
      ]
    ]
  ] satisfies ReadonlyArray<[Keyword, string, ReadonlyArray<readonly [string, string | undefined]>]>)(
    "of %s %s are told apart, and left as they are",
    (keyword, text, expected) => {
      expect(read(text, keyword)).toEqual(expected)
    }
  )

  it("are escaped by the file's escape character", () => {
    expect(read("a=b` c d=\\ e=f", "ENV", "`")).toEqual([
      ["a", "b` c"],
      ["d", "\\"],
      ["e", "f"]
    ])
  })

  it.each([
    ["ENV", "a", "`a` has no value"],
    ["ENV", "a=b c", "`c` has no `=`"],
    ["ENV", "=b", "no name stands before"],
    ["LABEL", "a=b =c", "no name stands before"],
    ["ARG", "=b", "no name stands before"],
    ["ARG", "\\", "ARG without a name"],
    ["ENV", "", "ENV without a name"]
  ] satisfies ReadonlyArray<[Keyword, string, string]>)("of %s %j are refused", (keyword, text, expected) => {
    const result = pairs(text, { escape: "\\", keyword })
    expect(Either.isLeft(result) && result.left.message).toContain(expected)
  })

  it("are known by their places", () => {
    const text = "a=b  c='d e'"
    const places = Either.getOrThrow(pairs(text, { escape: "\\" })).map(({ start, end }) => text.slice(start, end))
    expect(places).toEqual(["a=b", "c='d e'"])
  })
})
