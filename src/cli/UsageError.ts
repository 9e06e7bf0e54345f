import * as Data from "effect/Data"
import * as Option from "effect/Option"

/** The command line, or a file that it names, is not what it should be. */
export class UsageError extends Data.TaggedError("UsageError")<{
  /** What is wrong, as a phrase. */
  readonly message: string
  /** What to do about it, as a sentence. */
  readonly hint: Option.Option<string>
  /** Where no file is named that says what to build: the command, and its source directory if that is named. */
  readonly withoutFile?: { readonly command: string; readonly directory: string | undefined }
}> {}

export const usageError = (message: string, hint?: string): UsageError =>
  new UsageError({ message, hint: Option.fromNullable(hint) })
