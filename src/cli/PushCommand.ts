/** `obuilder push`: a result as an image in a registry. */
import * as Effect from "effect/Effect"
import { Store } from "../interpreters/Store.ts"
import type { Backends } from "./Backend.ts"
import * as Delivery from "./Delivery.ts"
import type { CliError } from "./ErrorText.ts"
import type { Given } from "./Flag.ts"
import type { flags } from "./Flags.ts"
import type { Host } from "./Host.ts"
import { imageOptions, registryName } from "./ImageFlags.ts"
import { imageServices } from "./ImageServices.ts"
import { isQuiet } from "./Logging.ts"
import { Output } from "./Output.ts"
import { withStore } from "./Services.ts"
import { chosenStore } from "./StoreFlag.ts"

type PushFlags = Given<typeof flags.push> & { readonly id: string; readonly name: string }

export const push = (given: PushFlags): Effect.Effect<void, CliError, Host | Output | Backends> =>
  Effect.gen(function* () {
    const { stdout } = yield* Output
    const image = yield* registryName(given.name)
    const options = yield* imageOptions(given)
    const chosen = yield* chosenStore(given.store)
    const pushed = yield* withStore(chosen)(
      Effect.gen(function* () {
        const store = yield* Store
        const { id } = yield* store.find(given.id)
        const services = { store, ...(yield* imageServices(chosen, given)) }
        const delivery = { image, options, attests: given.provenance, quiet: isQuiet(given) }
        return yield* Delivery.push(services, id, delivery)
      }).pipe(Effect.scoped)
    )
    yield* stdout.write(`${pushed}\n`)
  })
