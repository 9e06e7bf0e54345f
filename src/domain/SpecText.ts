/** The spec language as text: everything that reads or prints it is named here. */
import * as Either from "effect/Either"
import * as Problem from "./Problem.ts"
import * as Source from "./Source.ts"
import { fromProblem, type SpecError } from "./SpecError.ts"
import { longest, tooLong } from "./SpecReader.ts"
import * as Utf8 from "./Utf8.ts"

export { buildHeading, fromHeading, heading, print, printOp } from "./SpecPrinter.ts"
export { parse, type ParsedSpec } from "./SpecReader.ts"

/** The text of a spec file, which must be UTF-8. */
export const decodeUtf8 = (
  bytes: Uint8Array,
  { file }: { readonly file: string }
): Either.Either<string, SpecError> => {
  // No character has more than three bytes for a code unit: what `parse` takes is not refused here.
  if (bytes.length > longest * 3) return Either.left(fromProblem(Source.make(file, ""), tooLong))
  return Either.mapLeft(Utf8.decode(bytes), (invalid) => {
    const start = Utf8.decodeLossy(bytes.subarray(0, invalid)).length
    return fromProblem(
      Source.make(file, Utf8.decodeLossy(bytes)),
      Problem.make({ start, end: start + 1 }, `byte ${invalid} of this file is not UTF-8 text`, {
        expected: "text in UTF-8",
        hint: "the file may be in another encoding, or no text at all; convert it with iconv"
      })
    )
  })
}
