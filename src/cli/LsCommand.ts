/** `obuilder ls`: the results that the store has. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { oneLine, shortId } from "../plan/PlanText.ts"
import type { Backends } from "./Backend.ts"
import type { CliError } from "./ErrorText.ts"
import type { Given } from "./Flag.ts"
import type { flags } from "./Flags.ts"
import type { Host } from "./Host.ts"
import { item, json, type Listed, listed } from "./Listing.ts"
import { isQuiet } from "./Logging.ts"
import { Output } from "./Output.ts"
import { withKnownStore } from "./Services.ts"
import { chosenStore } from "./StoreFlag.ts"
import { table } from "./Table.ts"
import * as Units from "./Units.ts"

export const ls = (given: Given<typeof flags.ls>): Effect.Effect<void, CliError, Host | Output | Backends> =>
  Effect.gen(function* () {
    const { stdout } = yield* Output
    const now = yield* Clock.currentTimeMillis
    const results = yield* withKnownStore(yield* chosenStore(given.store))(look)
    const lines = Option.contains(given.format, "json" as const)
      ? json(results.map(item))
      : isQuiet(given)
        ? results.map(({ id }) => `${id}\n`).join("")
        : text(results, now)
    yield* stdout.write(lines)
  })

/** Those of use last come first. */
const look = Effect.map(listed, (results) =>
  results.toSorted((a, b) => b.lastUsed - a.lastUsed || b.created - a.created)
)

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
