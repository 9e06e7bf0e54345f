/** What holds of the layout of every spec. */
import { expect } from "@effect/vitest"
import * as Either from "effect/Either"
import * as QuotedAtom from "../../../src/domain/QuotedAtom.ts"
import * as SpecFormat from "../../../src/domain/format/SpecFormat.ts"
import * as TokenTable from "../../../src/domain/format/TokenTable.ts"
import * as SpecText from "../../../src/domain/SpecText.ts"

export const format = (text: string): string => Either.getOrThrow(SpecFormat.format(text, { file: "test.spec" }))

export const spec = (text: string) => Either.getOrThrow(SpecText.parse(text, { file: "test.spec" })).spec

/** What a text says: its tokens, each atom by its value, each comment by its text. */
export const said = (text: string): ReadonlyArray<string> => {
  const tokens = TokenTable.read(text)
  return Array.from({ length: tokens.length }, (_, index) => {
    const token = tokens.slice(index)
    const kind = tokens.kind(index)
    if (kind === TokenTable.LINE_COMMENT) return token.trimEnd()
    if (kind !== TokenTable.ATOM || !token.startsWith('"')) return kind === TokenTable.ATOM ? `atom ${token}` : token
    return `atom ${Either.getOrElse(QuotedAtom.unescape(token, 0, token.length), () => token)}`
  })
}

/** The spec and all comments stay, in their order, and what was laid out is its own layout. */
export const holdsTheLaws = (text: string): void => {
  const formatted = format(text)
  expect(spec(formatted)).toEqual(spec(text))
  expect(said(formatted)).toEqual(said(text))
  expect(format(formatted)).toBe(formatted)
}
