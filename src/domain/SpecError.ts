/** A text that is not a spec. */
import * as Data from "effect/Data"
import type * as Option from "effect/Option"
import type { Problem } from "./Problem.ts"
import type * as Source from "./Source.ts"
import type { Span } from "./Span.ts"

/** `Diagnostic.render` shows one to the user. */
export class SpecError extends Data.TaggedError("SpecError")<{
  /** How the user named the file. */
  readonly file: string
  /** The whole text that `span` points into. */
  readonly text: string
  readonly span: Span
  /** What was found. */
  readonly message: string
  /** What could stand there instead. */
  readonly expected: Option.Option<string>
  /** What to write, or where to look. */
  readonly hint: Option.Option<string>
}> {}

/** Gives a problem its file, line and column. */
export const fromProblem = (source: Source.Source, problem: Problem): SpecError =>
  new SpecError({
    file: source.file,
    text: source.text,
    span: source.span(problem.start, problem.end),
    message: problem.message,
    expected: problem.expected,
    hint: problem.hint
  })
