/** `obuilder log`: what a result's step printed. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { StepId } from "../domain/Digest.ts"
import { Store, type UnknownId } from "../interpreters/Store.ts"
import type { Backends } from "./Backend.ts"
import type { CliError } from "./ErrorText.ts"
import type { Given } from "./Flag.ts"
import type { flags } from "./Flags.ts"
import type { Host } from "./Host.ts"
import { Output } from "./Output.ts"
import { withStore } from "./Services.ts"
import { chosenStore } from "./StoreFlag.ts"
import { Unhealthy } from "./Unhealthy.ts"

/** Bytes that are read at a time. */
const PIECE = 65536

type LogFlags = Given<typeof flags.log> & { readonly id: string }

export const log = (given: LogFlags): Effect.Effect<void, CliError, Host | Output | Backends> =>
  Effect.gen(function* () {
    yield* withStore(yield* chosenStore(given.store))(printLog(given.id))
  })

const printLog = (prefix: string): Effect.Effect<void, CliError, Store | Output> =>
  Effect.gen(function* () {
    const store = yield* Store
    const { stdout } = yield* Output
    const { id } = yield* store.find(prefix)
    for (let offset = 0; ;) {
      const chunk = yield* store.log(id, offset, PIECE).pipe(Effect.catchTag("UnknownId", (error) => lost(id, error)))
      if (chunk.length === 0) return
      offset += chunk.length
      yield* stdout.write(chunk)
    }
  })

/** A result may have gone since it was found; one that is there has a log, unless somebody has taken it away. */
const lost = (id: StepId, error: UnknownId): Effect.Effect<never, CliError, Store> =>
  Effect.gen(function* () {
    const { result } = yield* Store
    return yield* Option.isNone(yield* result(id))
      ? error
      : new Unhealthy({
          message: `the log of ${id} is lost: the store is damaged`,
          hint: Option.some("obuilder fsck says what else is wrong, and can repair it.")
        })
  })
