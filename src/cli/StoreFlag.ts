/** Which store a command works on. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Backends, choose, type Chosen } from "./Backend.ts"
import { defaultStore } from "./DefaultStore.ts"
import { Host } from "./Host.ts"
import type { UsageError } from "./UsageError.ts"

/** The store of `--store`, of the environment, or the best that the machine offers. */
export const chosenStore = (given: Option.Option<string>): Effect.Effect<Chosen, UsageError, Host | Backends> =>
  Effect.gen(function* () {
    const host = yield* Host
    const backends = yield* Backends
    const text = Option.orElse(given, () => host.variable("OBUILDER_STORE"))
    const { backend, options, place } = yield* choose(backends, Option.getOrElse(text, defaultStore))
    return {
      backend,
      place: backend.placeIsPath ? host.absolute(place) : place,
      options,
      isDefault: Option.isNone(text)
    }
  })
