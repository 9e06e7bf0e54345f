/**
 * `NAME=value` pairs: what ENV, LABEL and ARG hold. Variables, quotes and escapes are left as they are, for
 * `Words.expand`.
 */
import * as Either from "effect/Either"
import * as Problem from "../Problem.ts"
import { show } from "../SpecFields.ts"
import { isBlank } from "./Blanks.ts"
import type { WordOptions, WordProblem } from "./Words.ts"

export interface Pair {
  /** Not empty. */
  readonly name: string
  /** `undefined` for the `NAME` of an ARG, without `=`. */
  readonly value: string | undefined
  /** Whether this is the old form `ENV NAME rest of the line`. */
  readonly old: boolean
  /** Of the whole pair, offsets into the text. */
  readonly start: number
  readonly end: number
}

export interface PairOptions extends WordOptions {
  /** Whose pairs these are; ENV's without it. ARG has names without values, and no old form. */
  readonly keyword?: "ENV" | "LABEL" | "ARG"
}

/** At least one, in order, those of the same name too. */
export const pairs = (
  text: string,
  { escape, keyword = "ENV" }: PairOptions
): Either.Either<ReadonlyArray<Pair>, WordProblem> => {
  const words = quotedWords(text, escape)
  const [first] = words
  if (first === undefined) {
    return Either.left(
      Problem.make({ start: 0, end: text.length }, `${keyword} without a name`, { expected: usage(keyword) })
    )
  }
  const result = keyword !== "ARG" && !first.text.includes("=") ? oldForm(text, keyword) : newForm(words, keyword)
  return Either.filterOrLeft(
    result,
    (pairs) => pairs.every(({ name }) => name !== ""),
    () =>
      Problem.make({ start: 0, end: text.length }, `${keyword} with a \`=\` that no name stands before`, {
        expected: usage(keyword)
      })
  )
}

const usage = (keyword: string): string =>
  keyword === "ARG" ? "`ARG NAME`, or `ARG NAME=VALUE`" : `\`${keyword} NAME=VALUE …\``

interface QuotedWord {
  readonly text: string
  readonly start: number
  readonly end: number
}

const newForm = (
  words: ReadonlyArray<QuotedWord>,
  keyword: "ENV" | "LABEL" | "ARG"
): Either.Either<ReadonlyArray<Pair>, WordProblem> => {
  const result: Array<Pair> = []
  for (const { text, start, end } of words) {
    const equals = text.indexOf("=")
    if (equals < 0 && keyword !== "ARG") {
      return Either.left(
        Problem.make({ start, end }, `${show(text)} has no \`=\``, {
          expected: usage(keyword),
          hint: "a value with blanks stands in quotes"
        })
      )
    }
    result.push({
      name: equals < 0 ? text : text.slice(0, equals),
      value: equals < 0 ? undefined : text.slice(equals + 1),
      old: false,
      start,
      end
    })
  }
  return Either.right(result)
}

/** One pair, whose value is the rest of the line, blanks included. */
const oldForm = (text: string, keyword: string): Either.Either<ReadonlyArray<Pair>, WordProblem> => {
  const blanks = /[\t\v\f\r ]+/.exec(text)
  if (blanks === null) {
    return Either.left(
      Problem.make({ start: 0, end: text.length }, `${show(text)} has no value`, { expected: usage(keyword) })
    )
  }
  const name = text.slice(0, blanks.index)
  const value = text.slice(blanks.index + blanks[0].length)
  return Either.right([{ name, value, old: true, start: 0, end: text.length }])
}

/** Splits at the blanks that are neither quoted nor escaped. Quotes and escapes are kept; a quote that does not end, ends with the text. */
const quotedWords = (text: string, escape: string): ReadonlyArray<QuotedWord> => {
  const words: Array<QuotedWord> = []
  let start: number | undefined
  let quote = ""
  const finish = (end: number, kept = end): void => {
    if (start !== undefined && kept > start) words.push({ text: text.slice(start, kept), start, end })
    start = undefined
  }
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at)
    if (quote === "" && isBlank(text.charCodeAt(at))) {
      finish(at)
      continue
    }
    start ??= at
    if (character === escape && quote !== "'") {
      // An escape character at the very end is dropped.
      if (at + 1 === text.length) finish(text.length, at)
      at++
    } else if (quote !== "") {
      if (character === quote) quote = ""
    } else if (character === '"' || character === "'") quote = character
  }
  finish(text.length)
  return words
}
