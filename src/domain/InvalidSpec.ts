/** A spec that was built in code, and cannot be. */
import * as Data from "effect/Data"
import type * as Option from "effect/Option"
import { clipped, visible } from "./DisplayText.ts"
import type { Op } from "./Spec.ts"
import { fromHeading, printOp } from "./SpecPrinter.ts"

export class InvalidSpec extends Data.TaggedError("InvalidSpec")<{
  /** What is wrong. */
  readonly message: string
  /** What to write instead. */
  readonly hint: Option.Option<string>
  /** The operation that it is about, as a spec's text would have it. */
  readonly place: string
}> {}

/** How much of an operation is shown, in UTF-16 code units. */
const LONGEST = 120

/** An operation, or a spec by its base, in one line that is fit for a terminal. */
export const placeOf = (node: Op | { readonly from: string }): string =>
  visible(clipped(("_tag" in node ? printOp(node) : fromHeading(node.from)).replaceAll(/\s+/g, " "), LONGEST))
