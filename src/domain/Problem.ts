/** What is wrong with a text and where, by offsets: what the readers say before they know the file's name. */
import * as Option from "effect/Option"

export interface Problem {
  /** Offsets in UTF-16 code units; `end` is exclusive. */
  readonly start: number
  readonly end: number
  /** What was found. */
  readonly message: string
  /** What could stand there instead. */
  readonly expected: Option.Option<string>
  /** What to write, or where to look. */
  readonly hint: Option.Option<string>
}

interface Advice {
  readonly expected?: string | undefined
  readonly hint?: string | undefined
}

export const make = (
  place: { readonly start: number; readonly end: number },
  message: string,
  { expected, hint }: Advice = {}
): Problem => ({
  start: place.start,
  end: place.end,
  message,
  expected: Option.fromNullable(expected),
  hint: Option.fromNullable(hint)
})
