/**
 * Go's `filepath.Match`, which COPY's and ADD's sources are matched by: `*` is any text without `/`, `?` any character
 * but `/`, `[a-z]` and `[^a-z]` are classes, and a backslash escapes.
 */
import * as Either from "effect/Either"
import * as Problem from "../Problem.ts"
import { show } from "../SpecFields.ts"
import type { WordProblem } from "./Words.ts"

/** A class of characters, by their code points. */
export interface Class {
  readonly negated: boolean
  readonly ranges: ReadonlyArray<readonly [low: number, high: number]>
}

export type GlobToken = { readonly _tag: "Star" } | { readonly _tag: "Any" } | OneCharacter

export type OneCharacter = { readonly _tag: "Character"; readonly code: number } | ({ readonly _tag: "Class" } & Class)

/** A pattern that has been read, for matching it many times. */
export interface Glob {
  readonly tokens: ReadonlyArray<GlobToken>
  /** How many characters a name that matches has at least. */
  readonly shortest: number
}

const slash = 0x2f

/** Reads a pattern. */
export const compile = (pattern: string): Either.Either<Glob, WordProblem> => {
  const tokens: Array<GlobToken> = []
  let at = 0
  while (at < pattern.length) {
    const character = pattern.charAt(at)
    if (character === "*") {
      if (tokens.at(-1)?._tag !== "Star") tokens.push({ _tag: "Star" })
      at++
    } else if (character === "?") {
      tokens.push({ _tag: "Any" })
      at++
    } else {
      const one = readOne(pattern, at)
      if (Either.isLeft(one)) return Either.left(one.left)
      tokens.push(one.right.token)
      at = one.right.end
    }
  }
  return Either.right({ tokens, shortest: tokens.filter(({ _tag }) => _tag !== "Star").length })
}

/** Whether the whole name matches. */
export const matchesName = ({ tokens, shortest }: Glob, name: string): boolean => {
  if (shortest > name.length) return false
  const codes = Array.from(name, codeOf)
  let token = 0
  let at = 0
  // Where to go on when what follows the last `*` does not match: with one more character for it.
  let star: { readonly token: number; at: number } | undefined
  while (at < codes.length || token < tokens.length) {
    const wanted = tokens[token]
    const code = codes[at]
    if (wanted?._tag === "Star") {
      star = { token: ++token, at }
    } else if (wanted !== undefined && code !== undefined && takes(wanted, code)) {
      token++
      at++
    } else {
      const next = star === undefined ? undefined : codes[star.at]
      if (star === undefined || next === undefined || next === slash) return false
      at = ++star.at
      token = star.token
    }
  }
  return true
}

/** Whether the whole name matches. The problem is one of the pattern. */
export const matches = (pattern: string, name: string): Either.Either<boolean, WordProblem> =>
  Either.map(compile(pattern), (glob) => matchesName(glob, name))

/** Whether a token that stands for one character stands for this one. */
export const takes = (token: OneCharacter | { readonly _tag: "Any" }, code: number): boolean => {
  switch (token._tag) {
    case "Any":
      return code !== slash
    case "Character":
      return code === token.code
    case "Class":
      return token.ranges.some(([low, high]) => low <= code && code <= high) !== token.negated
  }
}

export const codeOf = (character: string): number => character.codePointAt(0) ?? 0

interface Read {
  readonly token: OneCharacter
  readonly end: number
}

/** Reads a character, an escape or a class at `start`, which is before the pattern's end. */
export const readOne = (pattern: string, start: number): Either.Either<Read, WordProblem> => {
  if (pattern.charAt(start) === "[") return readClass(pattern, start)
  const read = readCharacter(pattern, start)
  return read === undefined
    ? Either.left(wrong(pattern, start, "a backslash at its end"))
    : Either.right({ token: { _tag: "Character", code: read.code }, end: read.end })
}

const readCharacter = (pattern: string, start: number): { readonly code: number; readonly end: number } | undefined => {
  const at = pattern.charAt(start) === "\\" ? start + 1 : start
  const code = pattern.codePointAt(at)
  return code === undefined ? undefined : { code, end: at + (code > 0xffff ? 2 : 1) }
}

const readClass = (pattern: string, start: number): Either.Either<Read, WordProblem> => {
  const negated = pattern.charAt(start + 1) === "^"
  const ranges: Array<readonly [low: number, high: number]> = []
  let at = start + (negated ? 2 : 1)
  while (ranges.length === 0 || pattern.charAt(at) !== "]") {
    const low = readBound(pattern, at)
    if (low === undefined) return Either.left(unfinished(pattern, start))
    at = low.end
    let high = low
    if (pattern.charAt(at) === "-") {
      const bound = readBound(pattern, at + 1)
      if (bound === undefined) return Either.left(unfinished(pattern, start))
      high = bound
      at = bound.end
    }
    ranges.push([low.code, high.code])
  }
  return Either.right({ token: { _tag: "Class", negated, ranges }, end: at + 1 })
}

const readBound = (pattern: string, at: number): { readonly code: number; readonly end: number } | undefined =>
  pattern.charAt(at) === "-" || pattern.charAt(at) === "]" ? undefined : readCharacter(pattern, at)

const unfinished = (pattern: string, start: number): WordProblem =>
  wrong(
    pattern,
    start,
    "a `[` that no class of characters follows",
    "a class is `[a-z]` or `[^a-z]`; `\\[` is the character itself"
  )

const wrong = (pattern: string, start: number, what: string, hint?: string): WordProblem =>
  Problem.make({ start, end: pattern.length }, `the pattern ${show(pattern)} has ${what}`, { hint })
