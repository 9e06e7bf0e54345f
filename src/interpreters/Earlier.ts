/** Earlier results, as far as the store kept what they were made from. Reads only. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { StepId } from "../domain/Digest.ts"
import * as ManifestNote from "../domain/ManifestNote.ts"
import type { Facts } from "../plan/Explain.ts"
import { isStep } from "../plan/PlanReader.ts"
import * as Notes from "./Notes.ts"
import type { StoreError, StoreService } from "./Store.ts"

/** A result, and what made it. */
export interface Earlier {
  readonly id: StepId
  /** Without the files of a copy: see {@link withFiles}. */
  readonly facts: Facts
  /** When that was begun, in milliseconds since 1970. */
  readonly begun: number
  /** Of a copy from a nested build: the result that was copied from. */
  readonly from: StepId | null
}

/** Where to look for earlier results. */
export interface Lookup {
  /** Those that were made on a result, or on nothing; the newest first. Some may be gone. */
  readonly children: (parent: Option.Option<StepId>) => Effect.Effect<ReadonlyArray<StepId>, StoreError>
  /** None where there is no such result, or nothing is known of it. */
  readonly earlier: (id: StepId) => Effect.Effect<Option.Option<Earlier>, StoreError>
}

/** What is known of a result; none also where its note is damaged. */
export const read = (
  store: Pick<StoreService, "note">,
  id: StepId
): Effect.Effect<Option.Option<Earlier>, StoreError> =>
  Effect.map(
    Notes.read(store, id, "recipe"),
    Option.filterMap(({ begun, copied, step }) =>
      isStep(step) && isTime(begun) && isCopied(copied)
        ? Option.some({
            id,
            facts: { step, content: copied === null ? undefined : { digest: copied.digest, items: undefined } },
            begun,
            from: copied?.from ?? null
          })
        : Option.none()
    )
  )

// A note may be damaged: it need not be what its type says.

const isTime = (value: unknown): boolean => typeof value === "number" && !Number.isNaN(new Date(value).getTime())

const isCopied = (value: unknown): boolean => {
  if (value === null) return true
  if (typeof value !== "object") return false
  const { digest, from }: { readonly digest?: unknown; readonly from?: unknown } = value
  return isHash(digest) && (from === null || isHash(from))
}

const isHash = (value: unknown): boolean => typeof value === "string" && /^[0-9a-f]{64}$/.test(value)

/** With the files that it copied, where it is a copy and the store has kept them. */
export const withFiles = (
  store: Pick<StoreService, "note">,
  { facts, id }: Pick<Earlier, "id" | "facts">
): Effect.Effect<Facts, StoreError> => {
  const { content, step } = facts
  return content === undefined
    ? Effect.succeed(facts)
    : Effect.map(
        Notes.read(store, id, "manifest"),
        Option.match({
          onNone: () => facts,
          onSome: (note) => ({ step, content: { ...content, items: ManifestNote.restore(note.items) } })
        })
      )
}

/** What is cheap to look at, however much the store holds. What was read once is remembered. */
export const nearby = (store: StoreService): Lookup => ({
  children: (parent) => store.children(parent),
  earlier: remembering(store)
})

const remembering = (store: StoreService): Lookup["earlier"] => {
  const known = new Map<StepId, Option.Option<Earlier>>()
  return (id) => {
    const found = known.get(id)
    return found === undefined ? Effect.tap(read(store, id), (one) => void known.set(id, one)) : Effect.succeed(found)
  }
}

/** All that the store holds, also what was made before it remembered what was made on what. */
export const everything = (store: StoreService): Effect.Effect<Lookup, StoreError> =>
  Effect.map(store.inventory.results, (results) => {
    const byParent = new Map<StepId | undefined, Array<StepId>>()
    for (const { id, parent } of results.toSorted((a, b) => b.created - a.created)) {
      const key = Option.getOrUndefined(parent)
      const others = byParent.get(key)
      if (others === undefined) byParent.set(key, [id])
      else others.push(id)
    }
    return {
      // Those that are gone are remembered by the store only.
      children: (parent) =>
        Effect.map(store.children(parent), (some) => [
          ...new Set([...(byParent.get(Option.getOrUndefined(parent)) ?? []), ...some])
        ]),
      earlier: remembering(store)
    }
  })
