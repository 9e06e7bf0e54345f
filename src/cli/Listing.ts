/** Results as `ls` and `df` list them. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { StoredResult } from "../interpreters/Inventory.ts"
import { lastUses, withAncestors } from "../interpreters/Retention.ts"
import { Store, type StoreError } from "../interpreters/Store.ts"

/** Its last use is also that of what is built on it. */
export interface Listed extends StoredResult {
  /** Whether a process holds it, or something built on it. */
  readonly inUse: boolean
}

/** All results, in no order. */
export const listed: Effect.Effect<ReadonlyArray<Listed>, StoreError, Store> = Effect.gen(function* () {
  const { inventory } = yield* Store
  const results = yield* inventory.results
  const busy = withAncestors(results, yield* inventory.held)
  const uses = lastUses(results)
  return results.map((result) => ({
    ...result,
    lastUsed: uses.get(result.id) ?? result.lastUsed,
    inUse: busy.has(result.id)
  }))
})

/** For JSON. */
export const item = <A extends StoredResult>({ created, lastUsed, parent, ...rest }: A) => ({
  ...rest,
  parent: Option.getOrNull(parent),
  created: time(created),
  lastUsed: time(lastUsed)
})

/** Milliseconds since 1970 as ISO 8601 has them. */
export const time = (milliseconds: number): string => new Date(milliseconds).toISOString()

/** A value as the commands print JSON. */
export const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`
