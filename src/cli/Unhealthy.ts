import * as Data from "effect/Data"
import type * as Option from "effect/Option"

/** This machine cannot build. */
export class Unhealthy extends Data.TaggedError("Unhealthy")<{
  readonly message: string
  readonly hint: Option.Option<string>
}> {}
