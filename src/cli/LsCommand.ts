/** `obuilder ls`: the results that the store has. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { StoredResult } from "../interpreters/Inventory.ts"
import { lastUses, withAncestors } from "../interpreters/Retention.ts"
import { Store } from "../interpreters/Store.ts"
import { oneLine, shortId } from "../plan/PlanText.ts"
import type { Backends } from "./Backend.ts"
import type { CliError } from "./ErrorText.ts"
import type { Given } from "./Flag.ts"
import type { flags } from "./Flags.ts"
import type { Host } from "./Host.ts"
import { isQuiet } from "./Logging.ts"
import { Output } from "./Output.ts"
import { withKnownStore } from "./Services.ts"
import { chosenStore } from "./StoreFlag.ts"
import { table } from "./Table.ts"
import * as Units from "./Units.ts"

interface Listed extends StoredResult {
  readonly inUse: boolean
}

export const ls = (given: Given<typeof flags.ls>): Effect.Effect<void, CliError, Host | Output | Backends> =>
  Effect.gen(function* () {
    const { stdout } = yield* Output
    const now = yield* Clock.currentTimeMillis
    const results = yield* withKnownStore(yield* chosenStore(given.store))(look)
    const lines = Option.contains(given.format, "json" as const)
      ? `${JSON.stringify(results.map(item), null, 2)}\n`
      : isQuiet(given)
        ? results.map(({ id }) => `${id}\n`).join("")
        : text(results, now)
    yield* stdout.write(lines)
  })

/** Those of use last come first. */
const look = Effect.gen(function* () {
  const { inventory } = yield* Store
  const results = yield* inventory.results
  const busy = withAncestors(results, yield* inventory.held)
  const uses = lastUses(results)
  return results
    .map((result): Listed => ({
      ...result,
      lastUsed: uses.get(result.id) ?? result.lastUsed,
      inUse: busy.has(result.id)
    }))
    .sort((a, b) => b.lastUsed - a.lastUsed || b.created - a.created)
})

const text = (results: ReadonlyArray<Listed>, now: number): string =>
  table(
    [{ title: "ID" }, { title: "PARENT" }, { title: "LAST USED" }, { title: "STEP" }],
    results.map(({ heading, id, inUse, lastUsed, parent }) => [
      shortId(id),
      Option.match(parent, { onNone: () => "-", onSome: shortId }),
      inUse ? "in use" : Units.ago(now - lastUsed),
      oneLine(heading)
    ])
  )

const item = ({ created, lastUsed, parent, ...rest }: Listed) => ({
  ...rest,
  parent: Option.getOrNull(parent),
  created: new Date(created).toISOString(),
  lastUsed: new Date(lastUsed).toISOString()
})
