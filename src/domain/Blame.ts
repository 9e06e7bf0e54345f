/** Where in a text something is wrong that was found out after it was read. */
import * as Option from "effect/Option"
import type { Span } from "./Span.ts"
import { SpecError } from "./SpecError.ts"
import type { ParsedSpec } from "./SpecReader.ts"

/** What is wrong, for people. */
export interface Complaint {
  readonly message: string
  readonly hint: Option.Option<string>
}

/** Says what is wrong with a part of the spec, where that part stands. */
export const blame = ({ file, spans, text }: ParsedSpec, node: object, { hint, message }: Complaint): SpecError =>
  new SpecError({ file, text, span: spans.get(node) ?? BEGINNING, message, expected: Option.none(), hint })

const BEGINNING: Span = {
  start: { offset: 0, line: 1, column: 1 },
  end: { offset: 0, line: 1, column: 1 }
}
