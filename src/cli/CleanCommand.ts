/** `obuilder clean`: deletes everything that the store has. */
import * as Effect from "effect/Effect"
import * as LifeCycle from "../interpreters/LifeCycle.ts"
import type { Backends } from "./Backend.ts"
import type { CliError } from "./ErrorText.ts"
import type { Given } from "./Flag.ts"
import type { flags } from "./Flags.ts"
import type { Host } from "./Host.ts"
import type { Output } from "./Output.ts"
import * as Removals from "./Removals.ts"
import { withKnownStore } from "./Services.ts"
import { chosenStore } from "./StoreFlag.ts"
import * as Units from "./Units.ts"

export const clean = (given: Given<typeof flags.clean>): Effect.Effect<void, CliError, Host | Output | Backends> =>
  Effect.gen(function* () {
    const summary = yield* withKnownStore(yield* chosenStore(given.store))(Removals.telling(given, LifeCycle.clean))
    yield* Removals.summary(given, summary, [Units.counted(summary.caches, "cache")])
  })
