/** Where results go as images: to a registry, or to a Docker engine. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { StepId } from "../domain/Digest.ts"
import { fullName, type RegistryReference } from "../domain/ImageReference.ts"
import * as LoadImage from "../interpreters/docker/LoadImage.ts"
import type { Services, Wanted } from "../interpreters/image/Export.ts"
import * as Push from "../interpreters/image/Push.ts"
import * as Registries from "../interpreters/registry/Registries.ts"
import type { CliError } from "./ErrorText.ts"
import { Host } from "./Host.ts"
import { Output } from "./Output.ts"
import { showTransfer } from "./Transfers.ts"

/** An image did not get to where it was to go. */
export class DeliveryError extends Data.TaggedError("DeliveryError")<{
  readonly message: string
  readonly hint: Option.Option<string>
  readonly cause: unknown
}> {}

const delivering = <A, R>(effect: Effect.Effect<A, CliError, R>): Effect.Effect<A, CliError, R> =>
  Effect.mapError(effect, (error) =>
    error._tag === "ImageProblem"
      ? new DeliveryError({ message: error.message, hint: error.hint, cause: error.cause })
      : error
  )

export interface Delivery extends Pick<Wanted, "options" | "attests"> {
  readonly image: RegistryReference
  readonly quiet: boolean
}

/** Gives the name of what is in the registry then, with its digest. */
export const push = (
  services: Services,
  id: StepId,
  { attests, image, options, quiet }: Delivery
): Effect.Effect<string, CliError, Host | Output> =>
  Effect.gen(function* () {
    const { environment } = yield* Host
    const registries = yield* Registries.make({
      directory: () => undefined,
      remembers: false,
      pulls: false,
      environment,
      ...(quiet ? {} : { progress: showTransfer("pushing", yield* Output) })
    })
    const pushing = yield* registries.push(image)
    const digest = yield* Push.push(services, { attests, id, options }, { image, pushing })
    return `${fullName(image)}@${digest}`
  }).pipe(Effect.scoped, delivering)

/** Fails where no Docker engine can be asked: it is better to know that before a long build. */
export const canLoad: Effect.Effect<void, CliError, Host> = Effect.flatMap(Host, ({ environment }) =>
  delivering(LoadImage.check(environment))
)

export const load = (
  services: Services,
  id: StepId,
  { image, options }: Delivery
): Effect.Effect<void, CliError, Host> =>
  Effect.flatMap(Host, ({ environment }) => delivering(LoadImage.load(services, { id, options }, image, environment)))
