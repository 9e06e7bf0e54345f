import type { SexpNode } from "./SexpNode.ts"
import type { Read } from "./SpecFields.ts"

/** What reading an operation needs to know, and tells, about the rest of the spec. */
export interface OpContext {
  /** Refuses the name of a build that a copy cannot see; `place` is where the name stands. */
  readonly buildInScope: (name: string, place: SexpNode) => Read<void>
  /** Remembers where a part of the spec stands. */
  readonly located: (part: object, node: SexpNode) => void
}
