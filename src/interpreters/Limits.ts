/** Numbers that say how much may be deleted, or done at once: what is none would say "everything". */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { StoreError } from "./Store.ts"

/** Refuses what is no finite number, or is negative; what is left out is no limit. */
export const check = (limits: Readonly<Record<string, unknown>>): Effect.Effect<void, StoreError> =>
  Effect.forEach(Object.entries(limits), ([name, limit]) => checkOne(name, limit, 0), { discard: true })

/** The same of a time, which may be before 1970. */
export const checkTime = (name: string, time: unknown): Effect.Effect<void, StoreError> =>
  checkOne(name, time, Number.NEGATIVE_INFINITY)

const checkOne = (name: string, limit: unknown, least: number): Effect.Effect<void, StoreError> =>
  limit === undefined || (typeof limit === "number" && Number.isFinite(limit) && limit >= least)
    ? Effect.void
    : refused(
        `${name}: ${shown(limit)} is no limit`,
        `give a finite number${least === 0 ? " that is not negative" : ""}`
      )

/** Where nothing limits what is deleted. */
export const refused = (message: string, hint: string): Effect.Effect<never, StoreError> =>
  Effect.fail(new StoreError({ message, hint: Option.some(hint), cause: undefined }))

const shown = (limit: unknown): string => (typeof limit === "number" ? String(limit) : `a ${typeof limit}`)
