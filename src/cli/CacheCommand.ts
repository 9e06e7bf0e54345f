/** `obuilder cache`: the caches that steps share from one build to the next. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Store } from "../interpreters/Store.ts"
import { suggest } from "../domain/Suggestion.ts"
import type { Backends } from "./Backend.ts"
import type { CliError } from "./ErrorText.ts"
import type { Given } from "./Flag.ts"
import type { flags } from "./Flags.ts"
import type { Host } from "./Host.ts"
import { json, time } from "./Listing.ts"
import { isQuiet } from "./Logging.ts"
import { Output } from "./Output.ts"
import { withKnownStore } from "./Services.ts"
import { chosenStore } from "./StoreFlag.ts"
import { table } from "./Table.ts"
import * as Units from "./Units.ts"
import { usageError } from "./UsageError.ts"

type CacheFlags = Given<typeof flags.cache> & { readonly action: string; readonly names: ReadonlyArray<string> }

export const cache = (given: CacheFlags): Effect.Effect<void, CliError, Host | Output | Backends> =>
  Effect.gen(function* () {
    const inStore = withKnownStore(yield* chosenStore(given.store))
    switch (given.action) {
      case "ls":
        if (given.names.length > 0) return yield* usageError('"obuilder cache ls" takes no names')
        return yield* inStore(list(given))
      case "rm":
        if (given.names.length === 0) {
          return yield* usageError("no cache is named", 'See "obuilder cache ls" for what there is.')
        }
        return yield* inStore(remove(given))
      default:
        return yield* usageError(
          `a cache cannot be told to ${JSON.stringify(given.action)}`,
          Option.match(suggest(given.action, ACTIONS), {
            onNone: () => 'Write "obuilder cache ls" or "obuilder cache rm NAME".',
            onSome: (word) => `Did you mean "${word}"?`
          })
        )
    }
  })

const ACTIONS = ["ls", "rm"]

const list = (given: CacheFlags): Effect.Effect<void, CliError, Store | Output | Host> =>
  Effect.gen(function* () {
    const { stdout } = yield* Output
    const now = yield* Clock.currentTimeMillis
    const { inventory } = yield* Store
    const caches = (yield* inventory.caches).toSorted((a, b) => b.lastUsed - a.lastUsed)
    if (isQuiet(given)) return yield* stdout.write(caches.map(({ key, name }) => `${name ?? key}\n`).join(""))
    const rows = yield* Effect.forEach(caches, ({ key, lastUsed, name }) =>
      Effect.map(inventory.cacheFootprint(key), ({ shared, unique }) => ({
        name: name ?? null,
        key,
        unique,
        shared,
        lastUsed: time(lastUsed)
      }))
    )
    if (Option.contains(given.format, "json" as const)) {
      return yield* stdout.write(json(rows))
    }
    yield* stdout.write(
      table(
        [{ title: "SIZE", isNumber: true }, { title: "LAST USED" }, { title: "NAME" }],
        rows.map(({ key, lastUsed, name, shared, unique }) => [
          Units.bytes(unique + shared),
          Units.ago(now - Date.parse(lastUsed)),
          shown(name ?? key)
        ])
      )
    )
  })

/** A name as it is, unless it could be mistaken. */
const shown = (name: string): string => (/^[!-~]+$/.test(name) ? name : JSON.stringify(name))

const remove = (given: CacheFlags): Effect.Effect<void, CliError, Store | Output> =>
  Effect.gen(function* () {
    const { stdout } = yield* Output
    const { inventory } = yield* Store
    const caches = yield* inventory.caches
    // Before anything goes, all have to be there.
    const keys = yield* Effect.forEach(given.names, (wanted) => {
      const found = caches.find(({ key, name }) => name === wanted || (name === undefined && key === wanted))
      const known = caches.map(({ key, name }) => name ?? key)
      return found === undefined
        ? usageError(
            `there is no cache ${JSON.stringify(wanted)}`,
            Option.getOrUndefined(Option.map(suggest(wanted, known), (word) => `Did you mean ${JSON.stringify(word)}?`))
          )
        : Effect.succeed(found.key)
    })
    for (const [index, key] of keys.entries()) {
      yield* inventory.removeCache(key)
      yield* stdout.write(`${given.names[index] ?? key}\n`)
    }
  })
