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
    const slip = FastCheck.constantFrom<(word: string, at: number) => string>(
      (word, at) => `${word.slice(0, at)}Z${word.slice(at)}`,
      (word, at) => `${word.slice(0, at)}${word.slice(at + 1)}`,
      (word, at) => `${word.slice(0, at)}Z${word.slice(at + 1)}`,
      (word, at) => `${word.slice(0, at)}${word.charAt(at + 1)}${word.charAt(at)}${word.slice(at + 2)}`
    )
    FastCheck.assert(
      FastCheck.property(FastCheck.stringMatching(/^[a-z]{3,12}$/), FastCheck.nat(), slip, (word, place, slip) => {
        expect(suggest(slip(word, place % word.length), [word])).toEqual(Option.some(word))
      }),
      { numRuns: 2000 }
    )
  })
})
