import * as Data from "effect/Data"

/** Files were looked at, and what is wrong with them has been said. */
export class Verdict extends Data.TaggedError("Verdict")<{
  /** One of them cannot be read, or is no spec. */
  readonly isInput: boolean
}> {}
