/** `obuilder inspect`: all that the store knows of a result. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { lastUses, withAncestors, withDescendants } from "../interpreters/Retention.ts"
import { Store, type StoreError, UnknownId } from "../interpreters/Store.ts"
import { oneLine, shortId } from "../plan/PlanText.ts"
import type { Backends } from "./Backend.ts"
import type { CliError } from "./ErrorText.ts"
import type { Given } from "./Flag.ts"
import type { flags } from "./Flags.ts"
import type { Host } from "./Host.ts"
import { json, time } from "./Listing.ts"
import { Output } from "./Output.ts"
import { withKnownStore } from "./Services.ts"
import { chosenStore } from "./StoreFlag.ts"
import * as Units from "./Units.ts"

type InspectFlags = Given<typeof flags.inspect> & { readonly id: string }

export const inspect = (given: InspectFlags): Effect.Effect<void, CliError, Host | Output | Backends> =>
  Effect.gen(function* () {
    const { stdout } = yield* Output
    const now = yield* Clock.currentTimeMillis
    const found = yield* withKnownStore(yield* chosenStore(given.store))(look(given.id))
    yield* stdout.write(Option.contains(given.format, "json" as const) ? json(found) : text(found, now))
  })

type Found = Effect.Effect.Success<ReturnType<typeof look>>

const look = (prefix: string) =>
  Effect.gen(function* () {
    const store = yield* Store
    const { inventory } = store
    const { heading, id, parent } = yield* store.find(prefix)
    const results = yield* inventory.results
    const result = results.find((one) => one.id === id)
    if (result === undefined) return yield* new UnknownId({ id, candidates: [] })
    const names = new Map(results.map((one) => [one.id, one.heading]))
    const held = yield* inventory.held
    const { shared, unique } = yield* inventory.footprint(id)
    return {
      id,
      heading,
      parent: Option.match(parent, {
        onNone: () => null,
        onSome: (above) => ({ id: above, heading: names.get(above) ?? "" })
      }),
      /** How many results it is built on. */
      depth: withAncestors(results, new Set([id])).size - 1,
      children: results
        .filter((one) => Option.contains(one.parent, id))
        .map((one) => ({ id: one.id, heading: one.heading })),
      descendants: withDescendants(results, new Set([id])).length - 1,
      created: time(result.created),
      lastUsed: time(lastUses(results).get(id) ?? result.lastUsed),
      /** Whether a process holds it, or something built on it. */
      inUse: withAncestors(results, held).has(id),
      unique,
      shared,
      logSize: result.logSize
    }
  }) satisfies Effect.Effect<unknown, StoreError | UnknownId, Store>

const text = (found: Found, now: number): string => {
  const named = (one: { readonly id: string; readonly heading: string }) => `${one.id}  ${oneLine(one.heading)}`
  const when = (time: string) => `${time} (${Units.ago(now - Date.parse(time))})`
  const rows: ReadonlyArray<readonly [string, string]> = [
    ["id", found.id],
    ["step", found.heading.replaceAll("\n", "\n           ")],
    ["parent", found.parent === null ? "none: it is a base" : named(found.parent)],
    ["built on", Units.counted(found.depth, "result")],
    ["children", found.children.length === 0 ? "none" : found.children.map(named).join("\n           ")],
    ["created", when(found.created)],
    ["last used", when(found.lastUsed)],
    ["in use", found.inUse ? "yes" : "no"],
    ["size", `${Units.bytes(found.unique)} of its own, ${Units.bytes(found.shared)} shared with others`],
    ["log", found.logSize === 0 ? "empty" : `${Units.bytes(found.logSize)}: obuilder log ${shortId(found.id)}`]
  ]
  return rows.map(([name, value]) => `${name.padEnd(9)}  ${value}\n`).join("")
}
