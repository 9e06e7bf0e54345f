/** Something in a spec that is probably not meant so. */
import type * as Option from "effect/Option"
import type { Severity } from "../Diagnostic.ts"
import type { Span } from "../Span.ts"

export type { Severity } from "../Diagnostic.ts"

export interface Finding {
  /** The rule's name. */
  readonly rule: string
  /** An error keeps a spec from being built at all; a note is a matter of taste. */
  readonly severity: Severity
  readonly span: Span
  /** What was found. */
  readonly message: string
  /** What could stand there instead. */
  readonly expected: Option.Option<string>
  /** What to do about it. */
  readonly hint: Option.Option<string>
  readonly fix: Option.Option<Fix>
}

/** A change of the text that would do away with a finding. */
export interface Fix {
  readonly description: string
  /** What is built stays the same, so that nobody need look at it. */
  readonly safe: boolean
  readonly edit: Edit
}

/** Puts `text` where `start` to `end` stand, offsets in UTF-16 code units, `end` exclusive. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}
