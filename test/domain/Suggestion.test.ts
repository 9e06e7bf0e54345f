import { describe, expect, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import { suggest } from "../../src/domain/Suggestion.ts"

const ops = ["run", "copy", "env", "workdir", "user", "shell", "comment"]

describe("suggest", () => {
  it.each([
    ["rnu", "run"],
    ["RUN", "run"],
    ["cpoy", "copy"],
    ["coppy", "copy"],
    ["wrkdir", "workdir"],
    ["workingdir", "workdir"],
    ["shel", "shell"],
    ["commnet", "comment"]
  ])("takes %s for %s", (word, meant) => {
    expect(suggest(word, ops)).toEqual(Option.some(meant))
  })

  it.each(["", "x", "expose", "entrypoint", "install", "w".repeat(1000)])("makes nothing of %s", (word) => {
    expect(suggest(word, ops)).toEqual(Option.none())
  })

  it("prefers the nearest candidate, and of equally near ones the first", () => {
    expect(suggest("tool", ["tooth", "tools", "took"])).toEqual(Option.some("tools"))
    expect(suggest("--stor", ["--store", "--store-x"])).toEqual(Option.some("--store"))
  })

  it("finds every word of three or more letters again after one slip", () => {
    const slip = FastCheck.tuple(
      FastCheck.stringMatching(/^[a-z]{3,12}$/),
      FastCheck.nat(),
      FastCheck.constantFrom("insert", "delete", "replace", "swap")
    )
    FastCheck.assert(
      FastCheck.property(slip, ([word, place, kind]) => {
        const at = place % word.length
        const slipped = {
          insert: `${word.slice(0, at)}Z${word.slice(at)}`,
          delete: `${word.slice(0, at)}${word.slice(at + 1)}`,
          replace: `${word.slice(0, at)}Z${word.slice(at + 1)}`,
          swap: `${word.slice(0, at)}${word.slice(at, at + 2).split("").reverse().join("")}${word.slice(at + 2)}`
        }[kind]
        expect(suggest(slipped, [word])).toEqual(Option.some(word))
      }),
      { numRuns: 2000 }
    )
  })
})
