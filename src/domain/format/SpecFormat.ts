/** The canonical layout of a spec's file, comments and all. */
import * as Either from "effect/Either"
import * as Problem from "../Problem.ts"
import * as Source from "../Source.ts"
import { fromProblem, type SpecError } from "../SpecError.ts"
import * as SpecReader from "../SpecReader.ts"
import { layOut } from "./Layout.ts"
import { Shape } from "./Shape.ts"
import * as TokenTable from "./TokenTable.ts"

/** How long a text may be before and after, in UTF-16 code units: nobody writes or reads longer ones. */
export const longest = 5_000_000

const refusal = Problem.make(
  { start: 0, end: 0 },
  `this file is longer than ${longest / 1_000_000} million characters`,
  {
    expected: "a spec that somebody reads"
  }
)

/** What is wrong with a text that is longer than {@link longest}. */
export const tooLong = (text: string, { file }: { readonly file: string }): SpecError =>
  fromProblem(Source.make(file, text), refusal)

/**
 * The text in its canonical layout, with a line end at its end. It means the
 * same, has the same comments, and formatting it again changes nothing. `file`
 * is for messages alone. Linear in the text's length.
 */
export const format = (text: string, { file }: { readonly file: string }): Either.Either<string, SpecError> => {
  if (text.length > longest) return Either.left(tooLong(text, { file }))
  return Either.flatMap(SpecReader.parse(text, { file }), () => {
    const formatted = layOut(new Shape(TokenTable.read(text)), longest)
    return formatted === undefined ? Either.left(tooLong(text, { file })) : Either.right(formatted)
  })
}
