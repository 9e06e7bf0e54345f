import * as Data from "effect/Data"
import type * as Option from "effect/Option"

/** A spec that reads well and yet has no Dockerfile. */
export class DockerfileError extends Data.TaggedError("DockerfileError")<{
  readonly message: string
  readonly hint: Option.Option<string>
  /** The part of the spec it is about, by identity: the reader knows where it stands. */
  readonly node: object
}> {}
