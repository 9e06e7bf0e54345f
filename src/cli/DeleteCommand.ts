/** `obuilder delete`: deletes results, and all that is built on them. */
import * as Effect from "effect/Effect"
import * as LifeCycle from "../interpreters/LifeCycle.ts"
import { Store } from "../interpreters/Store.ts"
import { shortId } from "../plan/PlanText.ts"
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

type DeleteFlags = Given<typeof flags.delete> & { readonly ids: ReadonlyArray<string> }

export const deleteResults = (given: DeleteFlags): Effect.Effect<void, CliError, Host | Output | Backends> =>
  Effect.gen(function* () {
    const summary = yield* withKnownStore(yield* chosenStore(given.store))(
      Effect.gen(function* () {
        const store = yield* Store
        const results = yield* Effect.forEach(given.ids, store.find)
        return yield* Removals.telling(given, (telling) =>
          LifeCycle.deleteResults(
            results.map(({ id }) => id),
            telling
          )
        )
      })
    )
    yield* Removals.summary(given, summary)
  }).pipe(
    Effect.catchTag("ResultsInUse", ({ ids }) =>
      usageError(
        `nothing is deleted: ${ids.map(shortId).join(", ")} ${ids.length === 1 ? "is" : "are"} in use`,
        "A build, or an export, needs it: try again when that has ended."
      )
    )
  )
