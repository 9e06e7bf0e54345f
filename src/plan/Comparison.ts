/** What is other from one chain of steps to another. Pure. */
import type { Change } from "./Change.ts"
import { align } from "./Alignment.ts"
import { explain, type Facts } from "./Explain.ts"

/** One step of both; null for what only one of them has. */
export interface StepComparison {
  /** Places in the chains. */
  readonly before: number | null
  readonly after: number | null
  /** Of its own; `New` alone where it was not there before, nothing where it is gone. */
  readonly changes: ReadonlyArray<Change>
}

/** All steps of both, in their order. */
export const compare = (before: ReadonlyArray<Facts>, after: ReadonlyArray<Facts>): ReadonlyArray<StepComparison> =>
  align(before, after).map(([i, j]): StepComparison => {
    const [one, other] = [i === null ? undefined : before[i], j === null ? undefined : after[j]]
    const changes: ReadonlyArray<Change> =
      other === undefined ? [] : one === undefined ? [{ _tag: "New" }] : explain(one, other)
    return { before: i, after: j, changes }
  })

/** Whether a step is other than it was, or there is only one of them. */
export const isOther = ({ after, before, changes }: StepComparison): boolean =>
  before === null || after === null || changes.length > 0
