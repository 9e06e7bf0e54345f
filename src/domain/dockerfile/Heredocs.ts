/** Here-documents of RUN, COPY and ADD: which ones a line announces, and their contents in the lines after it. */
import * as Either from "effect/Either"
import * as Problem from "../Problem.ts"
import { show } from "../SpecFields.ts"
import { afterBlanks } from "./Blanks.ts"
import type { Heredoc, Range } from "./Dockerfile.ts"
import type { Lines } from "./LogicalLine.ts"
import * as WordReader from "./WordReader.ts"

export interface Announced {
  readonly name: string
  readonly expand: boolean
  /** Whether tabs at the beginnings of lines are no part of it. */
  readonly chomp: boolean
}

const unset = (): undefined => undefined

/** A here-document that a word announces: `<<EOF`, `<<-EOF`, `<<"EOF"`, `3<<EOF`; `undefined` for any other word. */
export const announcedBy = (word: string): Announced | undefined => {
  let at = 0
  while (isDigit(word.charCodeAt(at))) at++
  if (!word.startsWith("<<", at)) return undefined
  at += 2
  const chomp = word.charAt(at) === "-"
  const start = afterBlanks(word, chomp ? at + 1 : at)
  if (word.includes("<", start)) return undefined
  const rest = word.slice(start)
  // Always a backslash, whatever the file's escape character is.
  const plain = WordReader.read(rest, unset, { escape: "\\", keepUnset: true })
  const raw = WordReader.read(rest, unset, { escape: "\\", keepUnset: true, rawQuotes: true })
  if (!WordReader.isReading(plain) || !WordReader.isReading(raw)) return undefined
  const [name] = plain.words
  const [quoted] = raw.words
  if (name === undefined || quoted === undefined || plain.words.length !== 1) return undefined
  return { name, expand: quotes(name) === quotes(quoted), chomp }
}

const isDigit = (unit: number): boolean => unit >= 0x30 && unit <= 0x39

const quotes = (text: string): number => text.replaceAll(/[^"']/g, "").length

/** Those that an instruction announces, keyword and flags included, in order. None where its words cannot be told. */
export const announced = (line: string): ReadonlyArray<Announced> => {
  if (!line.includes("<<")) return []
  const reading = WordReader.read(line, unset, {
    escape: "\\",
    keepUnset: true,
    rawQuotes: true,
    rawEscapes: true
  })
  if (!WordReader.isReading(reading)) return []
  return reading.words.flatMap((word) => announcedBy(word) ?? [])
}

/**
 * Reads a here-document from the lines after the current one, and leaves its last line, which says its name, as the
 * current one. `place` is where it is announced.
 */
export const read = (
  source: string,
  lines: Lines,
  document: Announced,
  place: Range
): Either.Either<Heredoc, Problem.Problem> => {
  const start = lines.next
  const { name, expand, chomp } = document
  while (lines.advance()) {
    let at = lines.start
    if (chomp) while (at < lines.end && source.charAt(at) === "\t") at++
    if (lines.end - at !== name.length || !source.startsWith(name, at)) continue
    const content = source.slice(start, lines.start)
    return Either.right({
      name,
      expand,
      content: chomp ? content.replaceAll(/(^|\n)\t+/g, "$1") : content,
      range: { start, end: lines.start }
    })
  }
  return Either.left(
    Problem.make(place, `the here-document ${show(name)} does not end`, {
      expected: `a line that says ${show(name)} and nothing else`,
      hint: chomp ? undefined : "blanks and tabs before or after the name count; `<<-` allows tabs before it"
    })
  )
}
