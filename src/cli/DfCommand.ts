/** `obuilder df`: what the store takes on the disk. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Footprint } from "../interpreters/Inventory.ts"
import { type Usage, usage as usageOf } from "../interpreters/Usage.ts"
import type { Backends } from "./Backend.ts"
import type { CliError } from "./ErrorText.ts"
import type { Given } from "./Flag.ts"
import type { flags } from "./Flags.ts"
import type { Host } from "./Host.ts"
import { item, json, time } from "./Listing.ts"
import { Output } from "./Output.ts"
import * as Removals from "./Removals.ts"
import { withKnownStore } from "./Services.ts"
import { chosenStore } from "./StoreFlag.ts"
import { table } from "./Table.ts"
import * as Units from "./Units.ts"

export const df = (given: Given<typeof flags.df>): Effect.Effect<void, CliError, Host | Output | Backends> =>
  Effect.gen(function* () {
    const { stdout } = yield* Output
    const now = yield* Clock.currentTimeMillis
    const usage = yield* withKnownStore(yield* chosenStore(given.store))(look)
    yield* stdout.write(Option.contains(given.format, "json" as const) ? json(report(usage)) : text(usage, now))
  })

const look = Effect.flatMap(Removals.progress("measured"), (measured) => usageOf({ measured }))

interface Counted extends Footprint {
  readonly lastUsed: number
}

/** Of many things: how many, and their bytes. What is shared is counted for each that shares it. */
const sum = (things: ReadonlyArray<Counted>) => ({
  count: things.length,
  unique: things.reduce((total, { unique }) => total + unique, 0),
  shared: things.reduce((total, { shared }) => total + shared, 0),
  lastUsed: things.reduce<number | undefined>((last, { lastUsed }) => Math.max(last ?? 0, lastUsed), undefined)
})

const groups = ({ caches, layers, results }: Usage) => ({
  results: sum(results),
  caches: sum(caches),
  logs: sum(
    results
      .filter(({ logSize }) => logSize > 0)
      .map(({ lastUsed, logSize }) => ({ unique: logSize, shared: 0, lastUsed }))
  ),
  layers: sum(layers)
})

const text = (usage: Usage, now: number): string => {
  const rows = Object.entries(groups(usage)).map(([name, { count, lastUsed, shared, unique }]) => [
    name === "layers" ? "image layers" : name,
    String(count),
    Units.bytes(unique),
    Units.bytes(shared),
    lastUsed === undefined ? "-" : Units.ago(now - lastUsed)
  ])
  const columns = [
    { title: "" },
    { title: "COUNT", isNumber: true },
    { title: "UNIQUE", isNumber: true },
    { title: "SHARED", isNumber: true },
    { title: "LAST USED" }
  ]
  return `${table(columns, rows)}\n${usage.store} takes about ${Units.bytes(usage.total)}; ${Units.bytes(usage.free)} are free there.\n`
}

const report = (usage: Usage) => {
  const summed = Object.fromEntries(
    Object.entries(groups(usage)).map(([name, { lastUsed, ...rest }]) => [
      name,
      { ...rest, lastUsed: lastUsed === undefined ? null : time(lastUsed) }
    ])
  )
  return {
    store: usage.store,
    free: usage.free,
    total: usage.total,
    ...summed,
    items: {
      results: usage.results.map(item),
      caches: usage.caches.map(({ key, lastUsed, name, ...rest }) => ({
        name: name ?? null,
        key,
        ...rest,
        lastUsed: time(lastUsed)
      })),
      layers: usage.layers.map(({ lastUsed, ...rest }) => ({ ...rest, lastUsed: time(lastUsed) }))
    }
  }
}
