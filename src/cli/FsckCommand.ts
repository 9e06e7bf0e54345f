/** `obuilder fsck`: checks the store, and repairs it. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Fault } from "../interpreters/Inventory.ts"
import * as LifeCycle from "../interpreters/LifeCycle.ts"
import { Store } from "../interpreters/Store.ts"
import type { Backends } from "./Backend.ts"
import type { CliError } from "./ErrorText.ts"
import type { Given } from "./Flag.ts"
import type { flags } from "./Flags.ts"
import type { Host } from "./Host.ts"
import { isQuiet } from "./Logging.ts"
import { Output } from "./Output.ts"
import * as Removals from "./Removals.ts"
import { withKnownStore } from "./Services.ts"
import { chosenStore } from "./StoreFlag.ts"
import { Unhealthy } from "./Unhealthy.ts"
import * as Units from "./Units.ts"

type FsckFlags = Given<typeof flags.fsck>

export const fsck = (given: FsckFlags): Effect.Effect<void, CliError, Host | Output | Backends> =>
  Effect.gen(function* () {
    yield* withKnownStore(yield* chosenStore(given.store))(check(given))
  })

const check = (given: FsckFlags): Effect.Effect<void, CliError, Store | Output> =>
  Effect.gen(function* () {
    const { stderr, stdout } = yield* Output
    const { inventory, name } = yield* Store
    const sink = isQuiet(given) ? stderr : stdout
    const faults: Array<Fault> = []
    const measured = yield* Removals.progress("checked")
    const fault = (one: Fault) =>
      Effect.zipRight(
        Effect.sync(() => faults.push(one)),
        Effect.ignore(sink.write(`${nameOf(one)}: ${one.message}\n`))
      )
    const { caches, compared, recorded, results } = yield* inventory.check(given, { fault, measured })
    const what = [Units.counted(results, "result"), Units.counted(caches, "cache")].join(" and ")
    const files = [
      ...(given.data ? [`, comparing the files of ${compared} of them with what was recorded`] : []),
      ...(given.record ? [`, recording what is in ${recorded}`] : [])
    ].join("")
    yield* sink.write(
      `${name}: checked ${what}${files}: ${faults.length === 0 ? "all is well" : Units.counted(faults.length, "fault")}\n`
    )
    if (faults.length === 0) return
    if (!given.repair) {
      return yield* new Unhealthy({
        message: `the store ${name} is damaged`,
        hint: Option.some(
          `obuilder fsck ${given.data ? "--data " : ""}--repair deletes what is wrong, and what is built on it; it is built again when needed.`
        )
      })
    }
    const { remaining, removed } = yield* Removals.telling(given, (telling) => LifeCycle.repair(faults, telling))
    yield* sink.write(`${Units.counted(removed, "result")} deleted\n`)
    if (remaining.length > 0) {
      return yield* new Unhealthy({
        message: `${Units.counted(remaining.length, "fault")} could not be repaired: ${remaining.map(nameOf).join(", ")}`,
        hint: Option.some("A running build may need it: try again when that has ended.")
      })
    }
  })

const nameOf = ({ what }: Fault): string =>
  what._tag === "Result" ? what.id : what._tag === "Cache" ? `cache ${what.key}` : what.path
