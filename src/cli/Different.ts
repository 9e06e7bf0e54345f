import * as Data from "effect/Data"

/** What was compared is not the same, which has been said. */
export class Different extends Data.TaggedError("Different") {}
