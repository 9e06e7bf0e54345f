/** An imported Dockerfile as the text of a spec. */
import * as Either from "effect/Either"
import { visible } from "../DisplayText.ts"
import { format } from "../format/SpecFormat.ts"
import { print } from "../SpecPrinter.ts"
import type { Imported } from "./Imported.ts"
import { comments } from "./ImportedImageText.ts"

/**
 * In the canonical layout, with a line end at its end. Comments at its top say what the image would say of itself, and
 * what holds for today's files only.
 */
export const textOf = (imported: Imported): string => {
  const text = `${comments(imported)}${todays(imported)}${print(imported.spec)}\n`
  // What is too long to be laid out is good as it is.
  return Either.getOrElse(format(text, { file: imported.file }), () => text)
}

/** A comment ends with its line, and is read on a terminal. */
const todays = ({ notes }: Imported): string =>
  [...new Set(notes.flatMap(({ hint, isOfToday, message }) => (isOfToday ? [`${message}; ${hint}`] : [])))]
    .map((line) => `; ${visible(line)}\n`)
    .join("")
