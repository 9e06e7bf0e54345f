/**
 * Words of a Dockerfile, with their variables replaced, quotes removed and escapes undone: as BuildKit's `shell` package
 * does it, that is nearly as a shell.
 *
 * A word may become at most a million characters longer than its text, and matching patterns is limited as well, so that
 * no text takes long.
 */
import * as Either from "effect/Either"
import type { Problem } from "../Problem.ts"
import * as WordReader from "./WordReader.ts"

export type { Lookup } from "./WordReader.ts"

/** What is wrong with a word; offsets are into its text. */
export type WordProblem = Problem

export interface WordOptions {
  /** The Dockerfile's escape character. */
  readonly escape: string
}

const read = (
  text: string,
  lookup: WordReader.Lookup,
  mode: WordReader.Mode
): Either.Either<WordReader.Reading, WordProblem> => {
  const result = WordReader.read(text, lookup, mode)
  return WordReader.isReading(result) ? Either.right(result) : Either.left(result)
}

/** One word, blanks included. A variable that is not set is empty. */
export const expand = (
  text: string,
  lookup: WordReader.Lookup,
  { escape }: WordOptions
): Either.Either<string, WordProblem> => Either.map(read(text, lookup, { escape }), ({ word }) => word)

/** Words: split at blanks that are neither quoted nor escaped, after variables were replaced. */
export const expandWords = (
  text: string,
  lookup: WordReader.Lookup,
  { escape }: WordOptions
): Either.Either<ReadonlyArray<string>, WordProblem> => Either.map(read(text, lookup, { escape }), ({ words }) => words)

/** The content of a here-document whose word is not quoted: quotes mean nothing, and a backslash escapes in any case. */
export const expandDocument = (text: string, lookup: WordReader.Lookup): Either.Either<string, WordProblem> =>
  Either.map(read(text, lookup, { escape: "\\", plainQuotes: true }), ({ word }) => word)

/** The names of the variables that a text asks for, each once, those in defaults included; of a text with a mistake those before it. */
export const variables = (text: string, { escape }: WordOptions): ReadonlyArray<string> => {
  const names = new Set<string>()
  WordReader.read(
    text,
    (name) => {
      names.add(name)
      return ""
    },
    { escape, survey: true }
  )
  return [...names]
}
