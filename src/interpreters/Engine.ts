/** Interprets a plan through `Store`, `Sandbox` and `BaseImages`, and nothing else. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { BaseImages } from "./BaseImages.ts"
import { type BuildError, type BuildRequest, type BuildResult, MissingSecret } from "./Build.ts"
import { buildStages } from "./BuildStages.ts"
import * as Executions from "./Executions.ts"
import { Sandbox } from "./Sandbox.ts"
import { Store } from "./Store.ts"

export { type BuildError, type BuildRequest, type BuildResult, MissingSecret, StepFailed } from "./Build.ts"

export interface EngineService {
  readonly build: (request: BuildRequest) => Effect.Effect<BuildResult, BuildError>
}

/**
 * One engine may serve many builds at the same time: a step that several of
 * them need is executed once and followed by all; it is cancelled only when
 * the last of them has gone.
 */
export class Engine extends Context.Tag("obuilder/Engine")<Engine, EngineService>() {
  static readonly make: Effect.Effect<EngineService, never, Store | Sandbox | BaseImages> = Effect.gen(function* () {
    const services = {
      store: yield* Store,
      sandbox: yield* Sandbox,
      images: yield* BaseImages,
      executions: Executions.make<BuildError>(),
      room: yield* Effect.makeSemaphore(1)
    }
    return {
      build: (request) =>
        checkSecrets(request).pipe(
          // What a killed build left running is ended before the store removes what it still writes to.
          Effect.zipRight(services.sandbox.reclaim),
          Effect.zipRight(buildStages(services, request)),
          // A build that executed nothing has not met what a killed one left.
          Effect.zipLeft(services.store.reclaim)
        )
    }
  })

  static readonly layer: Layer.Layer<Engine, never, Store | Sandbox | BaseImages> = Layer.effect(Engine, Engine.make)
}

/** Before anything runs, rather than when the step comes. */
const checkSecrets = (request: BuildRequest): Effect.Effect<void, MissingSecret> =>
  Effect.forEach(
    request.plan.steps,
    (step) => {
      const missing = step.kind === "run" && step.secrets.find((secret) => !request.secrets.has(secret.id))
      return missing ? Effect.fail(new MissingSecret({ id: missing.id, step })) : Effect.void
    },
    { discard: true }
  )
