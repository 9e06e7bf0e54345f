/** Results as `ls` and `df` list them. */
import * as Option from "effect/Option"
import type { StoredResult } from "../interpreters/Inventory.ts"

export { type Listed, listed } from "../interpreters/Usage.ts"

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
