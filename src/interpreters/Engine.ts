/** Interprets a plan through `Store`, `Sandbox` and `BaseImages`, and nothing else. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type { StepId } from "../domain/Digest.ts"
import { BaseImages, type BaseImagesService } from "./BaseImages.ts"
import { type BuildError, type BuildRequest, type BuildResult, MissingSecret, StepCancelled } from "./Build.ts"
import { buildStages } from "./BuildStages.ts"
import type { Running } from "./Executions.ts"
import * as Executions from "./Executions.ts"
import * as Limits from "./Limits.ts"
import { Sandbox, type SandboxService } from "./Sandbox.ts"
import type { Statistics } from "./Statistics.ts"
import * as Counters from "./Statistics.ts"
import { Store, type StoreService } from "./Store.ts"

export {
  type BuildError,
  type BuildRequest,
  type BuildResult,
  MissingSecret,
  StepCancelled,
  StepFailed
} from "./Build.ts"
export type { Running } from "./Executions.ts"
export type { Statistics } from "./Statistics.ts"

export interface EngineService {
  readonly build: (request: BuildRequest) => Effect.Effect<BuildResult, BuildError>
  readonly statistics: Effect.Effect<Statistics>
  /** The steps that are being executed for builds of this engine; that which was begun first comes first. */
  readonly running: Effect.Effect<ReadonlyArray<Running>>
  /**
   * Gives all output of a step that is being executed, what there is and then
   * what comes, and ends with it, failing as it fails. It does not keep the step
   * going. None, and nothing is given, where it is not being executed; `id` is a realised one.
   */
  readonly watch: (
    id: StepId,
    emit: (chunk: Uint8Array) => Effect.Effect<void>
  ) => Effect.Effect<Option.Option<void>, BuildError | StepCancelled>
  /** What it works with. */
  readonly store: StoreService
  readonly sandbox: SandboxService
  readonly images: BaseImagesService
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
      room: yield* Effect.makeSemaphore(1),
      statistics: Counters.make()
    }
    const { executions, images, sandbox, statistics, store } = services
    return {
      images,
      sandbox,
      store,
      statistics: Effect.sync(() => ({ ...statistics })),
      running: executions.running,
      watch: (id, emit) =>
        executions
          .watch(id)
          .pipe(Effect.flatMap(Effect.transposeMapOption((execution) => followed(id, execution, emit))), Effect.scoped),
      build: (request) =>
        // What this build holds, it holds until its end at least.
        Limits.check({ jobs: request.jobs, freeSpace: request.freeSpace }).pipe(
          Effect.zipRight(store.using),
          Effect.zipRight(checkSecrets(request)),
          // What a killed build left running is ended before the store removes what it still writes to.
          Effect.zipRight(services.sandbox.reclaim),
          Effect.zipRight(buildStages(services, request)),
          // A build that executed nothing has not met what a killed one left.
          Effect.zipLeft(services.store.reclaim),
          Effect.scoped
        )
    }
  })

  static readonly layer: Layer.Layer<Engine, never, Store | Sandbox | BaseImages> = Layer.effect(Engine, Engine.make)
}

/** All of an execution's output, and its end. That it was interrupted is not for who watches it to be as well. */
const followed = (
  id: StepId,
  { done, log }: Executions.Execution<BuildError>,
  emit: (chunk: Uint8Array) => Effect.Effect<void>
): Effect.Effect<void, BuildError | StepCancelled> =>
  Effect.zipRight(log.follow(emit), Effect.exit(done)).pipe(
    Effect.flatMap((exit): Effect.Effect<void, BuildError | StepCancelled> =>
      Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause) ? Effect.fail(new StepCancelled({ id })) : exit
    )
  )

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
