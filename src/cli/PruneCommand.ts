/** `obuilder prune`: makes room, within limits. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
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
import { usageError } from "./UsageError.ts"

export const prune = (given: Given<typeof flags.prune>): Effect.Effect<void, CliError, Host | Output | Backends> =>
  Effect.gen(function* () {
    const { keepStorage, maxItems, olderThan } = given
    if ([keepStorage, maxItems, olderThan].every(Option.isNone)) {
      return yield* usageError(
        "prune is not told what to keep",
        'Give it --keep-storage, --older-than or --max-items; to delete everything there is "obuilder clean".'
      )
    }
    const now = yield* Clock.currentTimeMillis
    const limits = { keepStorage, maxItems, unusedSince: Option.map(olderThan, (age) => now - age) }
    const summary = yield* withKnownStore(yield* chosenStore(given.store))(
      Removals.telling(given, (telling) => LifeCycle.prune(limits, telling, given))
    )
    yield* Removals.summary(given, summary)
  })
