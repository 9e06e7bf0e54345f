import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Diagnostic from "../../../src/domain/Diagnostic.ts"
import type { Dockerfile, Instruction, Range } from "../../../src/domain/dockerfile/Dockerfile.ts"
import * as Dockerignore from "../../../src/domain/dockerfile/Dockerignore.ts"
import * as DockerfileParser from "../../../src/domain/dockerfile/DockerfileParser.ts"
import * as Glob from "../../../src/domain/dockerfile/Glob.ts"
import { pairs } from "../../../src/domain/dockerfile/Pairs.ts"
import * as Words from "../../../src/domain/dockerfile/Words.ts"
import * as Arbitrary from "./DockerfileArbitrary.ts"

const options = { file: "Dockerfile" }
const runs = { numRuns: 2000 }

/** Checks what is said of each Dockerfile that can be read. */
const ofEach = (check: (dockerfile: Dockerfile, text: string) => void): void =>
  FastCheck.assert(
    FastCheck.property(Arbitrary.anyText, (text) => {
      const parsed = DockerfileParser.parse(text, options)
      if (Either.isRight(parsed)) check(parsed.right, text)
    }),
    runs
  )

const expectWithin = (inner: Range, outer: Range): void => {
  expect(inner.start).toBeGreaterThanOrEqual(outer.start)
  expect(inner.end).toBeGreaterThanOrEqual(inner.start)
  expect(inner.end).toBeLessThanOrEqual(outer.end)
}

/** What an instruction says, without where it says it. */
const said = ({ keyword, text, json, flags, heredocs }: Instruction): unknown => ({
  keyword,
  text,
  json,
  flags: flags.map(({ name, value }) => [name, value]),
  heredocs: heredocs.map(({ name, content, expand }) => [name, content, expand])
})

describe("the Dockerfile parser", () => {
  it("reads the example that others are made from", () => {
    const { instructions } = Either.getOrThrow(DockerfileParser.parse(Arbitrary.example, options))
    expect(instructions.map(({ keyword }) => keyword).join(" ")).toBe(
      "ARG FROM ENV ENV RUN COPY RUN COPY ONBUILD HEALTHCHECK CMD"
    )
  })

  it("answers any text, and shows each mistake within it", () => {
    FastCheck.assert(
      FastCheck.property(Arbitrary.anyText, (text) => {
        const parsed = DockerfileParser.parse(text, options)
        if (Either.isRight(parsed)) return
        const { start, end } = parsed.left.span
        expectWithin({ start: start.offset, end: end.offset }, { start: 0, end: text.length })
        expect(Diagnostic.render(parsed.left)).toContain("Dockerfile:")
      }),
      runs
    )
  })

  it("puts each part within its instruction, and instructions one after the other", () => {
    ofEach(({ instructions }, text) => {
      let end = 0
      for (const { range, argumentsRange, flags, heredocs } of instructions) {
        expectWithin(range, { start: end, end: text.length })
        expectWithin(argumentsRange, range)
        for (const part of [...flags, ...heredocs]) expectWithin(part.range, range)
        end = range.end
      }
    })
  })

  it("knows where each character of an instruction's text stands", () => {
    ofEach(({ instructions }, source) => {
      for (const { text, argumentsRange, within } of instructions) {
        const found = Array.from({ length: text.length }, (_, at) => {
          const { start, end } = within(at, at + 1)
          return source.slice(start, end)
        })
        expect(found.join("")).toBe(text)
        expect(within(0, text.length)).toEqual(argumentsRange)
      }
    })
  })

  it("reads what an instruction covers as that instruction again", () => {
    ofEach(({ instructions, escape }, text) => {
      for (const instruction of instructions) {
        // Then it went on in a line that held nothing.
        if (instruction.text.endsWith(escape)) continue
        const alone = `# escape=${escape}\n${text.slice(instruction.range.start, instruction.range.end)}`
        const again = Either.getOrThrow(DockerfileParser.parse(alone, options)).instructions
        expect(again.map(said)).toEqual([said(instruction)])
      }
    })
  })

  it("reads two files as one, where the first ends with its instruction", () => {
    FastCheck.assert(
      FastCheck.property(Arbitrary.anyText, Arbitrary.dockerfile, (first, second) => {
        const one = DockerfileParser.parse(first, options)
        if (Either.isLeft(one) || second.startsWith("\ufeff")) return
        const two = DockerfileParser.parse(`# escape=${one.right.escape}\nFROM a\n${second}`, options)
        if (Either.isLeft(two)) return
        if (one.right.instructions.at(-1)?.text.endsWith(one.right.escape) === true) return
        const ending = first.slice(0, one.right.instructions.at(-1)?.range.end)
        const both = Either.getOrThrow(DockerfileParser.parse(`${ending}\n${second}`, options))
        expect(both.instructions.map(said)).toEqual([
          ...one.right.instructions.map(said),
          ...two.right.instructions.slice(1).map(said)
        ])
      }),
      { numRuns: 3000 }
    )
  })
})

describe("words and patterns", () => {
  const escape = FastCheck.constantFrom("\\", "`")
  const text = FastCheck.oneof(
    FastCheck.string({
      unit: FastCheck.constantFrom(...Array.from("ab $${}:-+?#%/*\"'\\`=<[]^!é😀\n\t-.")),
      maxLength: 40
    }),
    FastCheck.string({ unit: "binary" })
  )

  it("answer any text", () => {
    FastCheck.assert(
      FastCheck.property(text, text, escape, (text, other, escape) => {
        const lookup: Words.Lookup = (name) => (name === "a" ? other : undefined)
        const results: ReadonlyArray<Either.Either<unknown, Words.WordProblem>> = [
          Words.expand(text, lookup, { escape }),
          Words.expandWords(text, lookup, { escape }),
          Words.expandDocument(text, lookup),
          pairs(text, { escape }),
          pairs(text, { escape, keyword: "ARG" }),
          Glob.matches(text, other)
        ]
        for (const result of results) {
          if (Either.isLeft(result)) expectWithin(result.left, { start: 0, end: text.length })
        }
        expect(new Set(Words.variables(text, { escape })).size).toBe(Words.variables(text, { escape }).length)
        expect(typeof Dockerignore.isIgnored(Dockerignore.parseIgnore(text), other)).toBe("boolean")
      }),
      runs
    )
  })

  it("are of the one word's characters, blanks aside", () => {
    FastCheck.assert(
      FastCheck.property(text, (text) => {
        const word = Words.expand(text, () => undefined, { escape: "\\" })
        const words = Words.expandWords(text, () => undefined, { escape: "\\" })
        expect(Either.isRight(words)).toBe(Either.isRight(word))
        if (Either.isRight(word) && Either.isRight(words)) {
          const letters = (text: string): string => text.replaceAll(/[\s\u0085]/g, "")
          expect(letters(words.right.join(""))).toBe(letters(word.right))
        }
      })
    )
  })

  it("ask for no variables but those that are told", () => {
    FastCheck.assert(
      FastCheck.property(text, escape, (text, escape) => {
        const told = Words.variables(text, { escape })
        const asked: Array<string> = []
        const lookup: Words.Lookup = (name) => {
          asked.push(name)
          return undefined
        }
        Words.expand(text, lookup, { escape })
        expect(asked.filter((name) => !told.includes(name))).toEqual([])
      }),
      runs
    )
  })

  it("in single quotes are left alone", () => {
    FastCheck.assert(
      FastCheck.property(text, (text) => {
        FastCheck.pre(!text.includes("'"))
        expect(Words.expand(`'${text}'`, () => "x", { escape: "\\" })).toEqual(Either.right(text))
      })
    )
  })
})
