/** What can be said of an image that is made of a result, besides what the result says. */
import * as Option from "effect/Option"
import type { Variable } from "../../domain/Inputs.ts"

export interface ImageOptions {
  /** Whether all is in one layer, rather than in the base's layers and one for each step that changed something. */
  readonly squash: boolean
  /**
   * Seconds since 1970, as `SOURCE_DATE_EPOCH` has them: no later time is in the
   * image, and it was made then.
   */
  readonly epoch: Option.Option<number>
  readonly changes: Changes
}

/** On top of what the spec and its base say. */
export interface Changes {
  readonly environment: ReadonlyArray<Variable>
  readonly user: Option.Option<string>
  readonly workdir: Option.Option<string>
  /** It takes the base's command away, unless there is a new one. */
  readonly entrypoint: Option.Option<ReadonlyArray<string>>
  readonly command: Option.Option<ReadonlyArray<string>>
  /** Such as `80/tcp`. */
  readonly ports: ReadonlyArray<string>
  readonly labels: ReadonlyArray<Variable>
  /** Of the manifest. */
  readonly annotations: ReadonlyArray<Variable>
}

/** Nothing is said but what the result says. */
export const plain: ImageOptions = {
  squash: false,
  epoch: Option.none(),
  changes: {
    environment: [],
    user: Option.none(),
    workdir: Option.none(),
    entrypoint: Option.none(),
    command: Option.none(),
    ports: [],
    labels: [],
    annotations: []
  }
}
