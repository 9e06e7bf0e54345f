/** What a command builds with: an engine on the services of a backend. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { BaseImages } from "../interpreters/BaseImages.ts"
import { Engine } from "../interpreters/Engine.ts"
import { Sandbox, type SandboxError } from "../interpreters/Sandbox.ts"
import { Store, type StoreError } from "../interpreters/Store.ts"
import { Output, type OutputError, type PipeClosed } from "./Output.ts"
import type { Chosen, ImageOptions, SandboxOptions } from "./Backend.ts"

/** All that a build needs, until the scope closes. */
export const forBuilding = (
  { backend, place, options: storeOptions }: Chosen,
  options: {
    readonly sandbox: SandboxOptions
    readonly images: ImageOptions
  }
): Effect.Effect<Context.Context<Engine | Store | Sandbox | BaseImages>, StoreError | SandboxError, Scope.Scope> =>
  Effect.gen(function* () {
    const services = Context.make(Store, yield* backend.store(place, storeOptions)).pipe(
      Context.add(Sandbox, yield* backend.sandbox(options.sandbox)),
      Context.add(BaseImages, yield* backend.images(place, options.images))
    )
    return Context.add(services, Engine, yield* Effect.provide(Engine.make, services))
  })

/** As {@link withStore}, for what looks at a store; says so where there is none, which may be a slip of the pen. */
export const withKnownStore =
  (chosen: Chosen) =>
  <A, E, R>(
    effect: Effect.Effect<A, E, R | Store>
  ): Effect.Effect<A, E | StoreError | PipeClosed | OutputError, Exclude<R, Store> | Output> =>
    withStore(chosen)(
      Effect.gen(function* () {
        const { inventory, name } = yield* Store
        const { stderr } = yield* Output
        if (!(yield* inventory.isThere)) yield* stderr.write(`obuilder: there is no store ${name} yet\n`)
        return yield* effect
      })
    )

/** Runs an effect with a backend's store, for as long as it takes. */
export const withStore =
  ({ backend, place, options }: Chosen) =>
  <A, E, R>(effect: Effect.Effect<A, E, R | Store>): Effect.Effect<A, E | StoreError, Exclude<R, Store>> =>
    Effect.scoped(Effect.flatMap(backend.store(place, options), (store) => Effect.provideService(effect, Store, store)))
