/** Drops what the machine's last run may not have written to the disk before it went down. */
import * as Fs from "node:fs"
import type { StepId } from "../../../domain/Digest.ts"
import type { Layout } from "./Layout.ts"
import type { Results } from "./Results.ts"

/**
 * Moves results that are not to be trusted, and those that are built on such,
 * into `rubbish`, an empty directory. Gives how many there were. Only for who
 * has the store's lock alone.
 */
export const dropUnsafe = (layout: Layout, results: Results, rubbish: string): number => {
  const kept = new Map<StepId, boolean>()
  /** Whether a result, and all that it is built on, is whole. */
  const isWhole = (id: StepId): boolean => {
    const trail: Array<StepId> = []
    let whole = true
    for (let one: StepId | undefined = id; one !== undefined && !trail.includes(one); one = results.parent(one)) {
      const known = kept.get(one)
      if (known !== undefined) {
        whole = known
        break
      }
      trail.push(one)
      if (results.get(one) === undefined) {
        whole = false
        break
      }
    }
    for (const one of trail) kept.set(one, whole)
    return whole
  }
  const dropped = results.ids().filter((id) => !isWhole(id))
  for (const id of dropped) {
    Fs.renameSync(layout.result(id), `${rubbish}/${id}`)
    // What was merged of it has the same files, and would be taken for that of the one that is made again.
    if (Fs.existsSync(layout.squash(id))) Fs.renameSync(layout.squash(id), `${rubbish}/${id}-squashed`)
  }
  return dropped.length
}
