/** Where in a spec something is wrong: at a place of its text, or in an operation of one built in code. */
import * as Option from "effect/Option"
import { blame, type Complaint } from "./Blame.ts"
import { visible } from "./DisplayText.ts"
import { InvalidSpec, placeOf } from "./InvalidSpec.ts"
import type { Op } from "./Spec.ts"
import { parsedIn, type Spec } from "./SpecBuilder.ts"
import type { SpecError } from "./SpecError.ts"

/** `node` is a part of the spec's data. */
export const blameSpec = (spec: Spec, node: object, complaint: Complaint): SpecError | InvalidSpec => {
  const read = parsedIn(spec).find(({ spans }) => spans.has(node))
  if (read !== undefined) return blame(read, node, complaint)
  const { hint, message } = complaint
  return new InvalidSpec({
    message: visible(message),
    hint: Option.map(hint, visible),
    place: isPart(node) ? placeOf(node) : ""
  })
}

const isPart = (node: object): node is Op | { readonly from: string } =>
  "_tag" in node || ("from" in node && typeof node.from === "string")
