/** Replaces variables in an instruction's words. */
import * as Either from "effect/Either"
import type { Instruction } from "./Dockerfile.ts"
import { refusedBy } from "./ImportPairs.ts"
import * as Words from "./Words.ts"

/** One word, with its quotes removed. Throws `ImportRefused`. */
export type Expand = (text: string) => string

export interface Expansion {
  readonly instruction: Instruction
  readonly escape: string
  readonly lookup: Words.Lookup
  /** Called with a variable that nobody has set, unless the text says what is in its place. */
  readonly missing: (name: string) => void
}

export const expander =
  (expansion: Expansion): Expand =>
  (text) => {
    const read = Words.expand(text, watched(expansion, text), expansion)
    if (Either.isLeft(read)) throw refusedBy(expansion.instruction, read.left)
    return read.right
  }

/** Words, split at blanks after variables were replaced. Throws `ImportRefused`. */
export const expandWords = (expansion: Expansion, text: string): ReadonlyArray<string> => {
  const read = Words.expandWords(text, watched(expansion, text), expansion)
  if (Either.isLeft(read)) throw refusedBy(expansion.instruction, read.left)
  return read.right
}

/** The content of a here-document. Throws `ImportRefused`. */
export const expandDocument = (expansion: Expansion, text: string): string => {
  const read = Words.expandDocument(text, watched(expansion, text))
  if (Either.isLeft(read)) throw refusedBy(expansion.instruction, read.left)
  return read.right
}

const watched =
  ({ lookup, missing }: Expansion, text: string): Words.Lookup =>
  (name) => {
    const value = lookup(name)
    if (value === undefined && !hasInstead(text, name)) missing(name)
    return value
  }

/** A longer text is not searched: it may ask for thousands of variables. */
const SEARCHED = 10_000

/** Whether a text says what is in the place of a variable that is not set. */
const hasInstead = (text: string, name: string): boolean =>
  text.length <= SEARCHED && ["-", "+", "?", ":"].some((mark) => text.includes(`\${${name}${mark}`))
