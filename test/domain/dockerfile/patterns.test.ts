import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Dockerignore from "../../../src/domain/dockerfile/Dockerignore.ts"
import * as Glob from "../../../src/domain/dockerfile/Glob.ts"

const glob = (pattern: string, name: string): boolean => Either.getOrThrow(Glob.matches(pattern, name))

describe("a glob", () => {
  it.each([
    ["abc", "abc"],
    ["*", ""],
    ["*", "abc"],
    ["*c", "abc"],
    ["a*/b", "abc/b"],
    ["a*b*c", "abbcabc"],
    ["a?c", "aéc"],
    ["a?c", "a😀c"],
    ["[a-c]", "b"],
    ["[^a-c]", "d"],
    ["[^a-c]", "/"],
    ["[a\\]-]".replace("-", ""), "]"],
    ["[\\-x]", "-"],
    ["\\*", "*"],
    ["a\\?b", "a?b"],
    ["]", "]"],
    ["**", "abc"]
  ])("%s takes %j", (pattern, name) => {
    expect(glob(pattern, name)).toBe(true)
  })

  it.each([
    ["abc", "ab"],
    ["ab", "abc"],
    ["*", "a/b"],
    ["a*", "ab/c"],
    ["?", "/"],
    ["?", ""],
    ["[a-c]", "d"],
    ["[^a-c]", "b"],
    ["\\*", "a"],
    ["a*b", "a/b"],
    ["**/b", "a/x/b"]
  ])("%s leaves %j", (pattern, name) => {
    expect(glob(pattern, name)).toBe(false)
  })

  it.each(["[", "[a", "[]a]", "[-]", "[a-]", "[^]", "a\\", "[a\\"])("%s is none", (pattern) => {
    expect(Either.isLeft(Glob.matches(pattern, "a"))).toBe(true)
  })
})

/** Those of the paths that are left out. */
const ignored = (text: string, ...paths: ReadonlyArray<string>): ReadonlyArray<string> => {
  const ignore = Dockerignore.parseIgnore(text)
  expect(ignore.problems).toEqual([])
  return paths.filter((path) => Dockerignore.isIgnored(ignore, path))
}

describe(".dockerignore", () => {
  it.each([
    ["a", ["a", "a/b", "a/b/c"], ["ab", "b/a"]],
    ["/a/", ["a", "a/b"], ["b/a"]],
    ["./b/../a", ["a"], ["b"]],
    ["*/a", ["x/a", "x/a/b"], ["a", "x/y/a"]],
    ["*.md", ["a.md"], ["x/a.md"]],
    ["a?", ["ab", "ab/c"], ["a", "abc", "a/b"]],
    ["**/a", ["a", "x/a", "x/y/a", "x/a/b"], ["xa", "x/ab"]],
    ["**/*.log", ["a.log", "x/a.log", "x/y/.log"], ["a.log2"]],
    ["a/**", ["a/b", "a/b/c"], ["a", "ab"]],
    ["a**", ["a", "ab", "ab/c"], ["b"]],
    ["a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["a/xb", "b", "x/a/b"]],
    ["**", ["a", "a/b"], []],
    ["**foo", ["foo", "xfoo", "a/xfoo"], ["foox"]],
    ["**/x*/**/y?", ["x/ya", "q/x1/r/s/yb"], ["x/y", "y/ya"]],
    ["[a-c]x", ["ax"], ["dx", "xx"]],
    ["a\\*", ["a*"], ["ab"]],
    ["a\nb", ["a", "b"], ["c"]],
    ["a\r\nb \r\n", ["a", "b"], ["c"]],
    ["\ufeffa", ["a"], []],
    ["#a\n #b\n\n", ["#b"], ["#a", "a"]],
    ["*\n!a", ["b", "b/a"], ["a", "a/b"]],
    ["*.md\n!README*.md\nREADME-secret.md", ["a.md", "README-secret.md"], ["README.md"]],
    ["*.md\nREADME-secret.md\n!README*.md", ["a.md"], ["README.md", "README-secret.md"]],
    ["a\n!a/b", ["a", "a/c"], ["a/b", "a/b/c"]],
    ["a\n! /a/b", ["a/c"], ["a/b"]],
    ["a/b\n!a", ["a/b"], ["a", "a/c"]],
    ["", [], ["a"]]
  ])("%j leaves out what it names", (text, out, kept) => {
    expect(ignored(text, ...out, ...kept)).toEqual(out)
  })

  it.each(["[", "!", "!/", "a\\"])("%j is told to be no pattern", (text) => {
    const { problems } = Dockerignore.parseIgnore(`ok\n${text}\n`)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatchObject({ start: 3, end: 3 + text.length })
  })

  it("is refused where it is too long", () => {
    expect(Dockerignore.parseIgnore("a\n".repeat(Dockerignore.mostPatterns + 1)).problems).toHaveLength(1)
    expect(Dockerignore.parseIgnore("a".repeat(Dockerignore.longest + 1)).problems).toHaveLength(1)
  })

  it.each([
    ["a\n!a/b/c", "a", true],
    ["a\n!a/b/c", "a/b", true],
    ["a\n!a/b/c", "a/d", false],
    ["a\n!b", "a", false],
    ["a", "a", false],
    ["a\n!**/c", "a", true],
    ["a\n!a/b/**", "a/b", true],
    ["a\n!c/b/**", "a", false]
  ])("%j may take in something below %s: %s", (text, directory, expected) => {
    expect(Dockerignore.mayHoldExceptions(Dockerignore.parseIgnore(text), directory)).toBe(expected)
  })

  const segment = FastCheck.constantFrom("a", "b", "ab")
  const path = FastCheck.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"))
  const pattern = FastCheck.array(FastCheck.constantFrom("a", "b", "ab", "*", "**", "a*", "?"), {
    minLength: 1,
    maxLength: 4
  }).map((parts) => parts.join("/"))
  const rules = FastCheck.array(
    FastCheck.tuple(FastCheck.boolean(), pattern).map(([not, pattern]) => `${not ? "!" : ""}${pattern}`),
    { maxLength: 5 }
  )

  it("says the same of a path in whatever order paths are asked for", () => {
    FastCheck.assert(
      FastCheck.property(rules, FastCheck.array(path), (rules, paths) => {
        const text = rules.join("\n")
        const ignore = Dockerignore.parseIgnore(text)
        for (const path of paths) {
          const alone = Dockerignore.isIgnored(Dockerignore.parseIgnore(text), path)
          expect(Dockerignore.isIgnored(ignore, path)).toBe(alone)
        }
      })
    )
  })

  it("takes in nothing below a directory that may hold no exceptions", () => {
    FastCheck.assert(
      FastCheck.property(rules, path, path, (rules, directory, below) => {
        const ignore = Dockerignore.parseIgnore(rules.join("\n"))
        FastCheck.pre(Dockerignore.isIgnored(ignore, directory) && !Dockerignore.mayHoldExceptions(ignore, directory))
        expect(Dockerignore.isIgnored(ignore, `${directory}/${below}`)).toBe(true)
      })
    )
  })

  it("matches as the regular expression that its pattern stands for", () => {
    FastCheck.assert(
      FastCheck.property(pattern, path, (pattern, path) => {
        // The whole pattern, without what it would say of the directories around a path.
        const expression = pattern
          .replace(/(\*\*\/)*\*\*$/, "$1\u0001")
          .replaceAll("**/", "\u0002")
          .replaceAll("*", "[^/]*")
          .replaceAll("?", "[^/]")
          .replaceAll("\u0001", ".*")
          .replaceAll("\u0002", "(.*/)?")
        const matches = path
          .split("/")
          .some((_, index, parts) => new RegExp(`^${expression}$`).test(parts.slice(0, index + 1).join("/")))
        expect(Dockerignore.isIgnored(Dockerignore.parseIgnore(pattern), path)).toBe(matches)
      }),
      { numRuns: 1000 }
    )
  })
})

describe("patterns made to take long", () => {
  const name = "a".repeat(4000)

  it.each([["*a".repeat(1000) + "b"], [`${"?*".repeat(1000)}b`], ["*".repeat(100_000)]])(
    "end as globs: %.10s",
    (pattern) => {
      expect(glob(pattern, `${name}c`)).toBe(!pattern.endsWith("b"))
    }
  )

  it.each([["**/".repeat(1000) + "?b"], ["*a".repeat(200) + "b?"], ["**a*".repeat(200) + "b?"]])(
    "end in .dockerignore: %.10s",
    (pattern) => {
      expect(ignored(pattern, name, "a/".repeat(100) + "c")).toEqual([])
    }
  )
})
