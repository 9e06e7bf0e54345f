/** Which results go first when room is made, and which have to stay. Pure. */
import * as Option from "effect/Option"
import type { StepId } from "../domain/Digest.ts"
import type { StoredResult } from "./Inventory.ts"

/** Whoever used a result used what it is built on: for each, when that was last, in milliseconds since 1970. */
export const lastUses = (results: ReadonlyArray<StoredResult>): ReadonlyMap<StepId, number> => {
  const byId = indexed(results)
  const uses = new Map(results.map(({ id, lastUsed }) => [id, lastUsed]))
  for (const result of deepestFirst(results)) {
    const parent = parentOf(result, byId)
    const use = uses.get(result.id) ?? 0
    if (parent !== undefined && use > (uses.get(parent.id) ?? 0)) uses.set(parent.id, use)
  }
  return uses
}

/** All results in the order in which they should go: those of use longest ago first, children before their parents. */
export const leastUsedFirst = (results: ReadonlyArray<StoredResult>): ReadonlyArray<StoredResult> => {
  const uses = lastUses(results)
  // Sorting is stable: of those of use at the same time the deepest come first.
  return [...deepestFirst(results)].sort((a, b) => (uses.get(a.id) ?? 0) - (uses.get(b.id) ?? 0))
}

/** These and all that is built on them, children before their parents. */
export const withDescendants = (
  results: ReadonlyArray<StoredResult>,
  ids: ReadonlySet<StepId>
): ReadonlyArray<StoredResult> => {
  const byId = indexed(results)
  const included = new Set<StepId>()
  const shallowestFirst = [...deepestFirst(results)].reverse()
  const found = shallowestFirst.filter((result) => {
    const parent = parentOf(result, byId)
    const isIncluded = ids.has(result.id) || (parent !== undefined && included.has(parent.id))
    if (isIncluded) included.add(result.id)
    return isIncluded
  })
  return found.reverse()
}

/** These and all that they are built on. */
export const withAncestors = (results: ReadonlyArray<StoredResult>, ids: ReadonlySet<StepId>): ReadonlySet<StepId> => {
  const byId = indexed(results)
  const included = new Set<StepId>()
  for (const id of ids) {
    for (let one = byId.get(id); one !== undefined && !included.has(one.id); one = parentOf(one, byId)) {
      included.add(one.id)
    }
  }
  return included
}

const indexed = (results: ReadonlyArray<StoredResult>): ReadonlyMap<StepId, StoredResult> =>
  new Map(results.map((result) => [result.id, result]))

const parentOf = ({ parent }: StoredResult, byId: ReadonlyMap<StepId, StoredResult>): StoredResult | undefined =>
  Option.isSome(parent) ? byId.get(parent.value) : undefined

/** Results by how many they are built on, most first. A result in a ring, which no store makes, counts what it meets once. */
const deepestFirst = (results: ReadonlyArray<StoredResult>): ReadonlyArray<StoredResult> => {
  const byId = indexed(results)
  const depths = new Map<StepId, number>()
  for (const result of results) {
    const trail: Array<StepId> = []
    const met = new Set<StepId>()
    let one: StoredResult | undefined = result
    while (one !== undefined && !depths.has(one.id) && !met.has(one.id)) {
      met.add(one.id)
      trail.push(one.id)
      one = parentOf(one, byId)
    }
    let depth = one === undefined ? 0 : (depths.get(one.id) ?? 0)
    for (let id = trail.pop(); id !== undefined; id = trail.pop()) depths.set(id, ++depth)
  }
  return [...results].sort((a, b) => (depths.get(b.id) ?? 0) - (depths.get(a.id) ?? 0))
}
