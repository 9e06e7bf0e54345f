/**
 * What a scheduler asks of an engine, each as an effect that needs the engine
 * and nothing else. `Engine` of the package.
 */
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as Take from "effect/Take"
import { availableParallelism } from "node:os"
import type { StepId } from "../domain/Digest.ts"
import type { Spec } from "../domain/SpecBuilder.ts"
import { BaseImages } from "./BaseImages.ts"
import type { BuildError, BuildRequest, BuildResult, StepCancelled } from "./Build.ts"
import { Engine, type EngineService } from "./Engine.ts"
import type { Running } from "./Executions.ts"
import type { From, Prepared, PrepareError } from "./Prepare.ts"
import * as Prepare from "./Prepare.ts"
import type { Statistics } from "./Statistics.ts"
import type { StoreError } from "./Store.ts"
import { UnknownId } from "./Store.ts"

export * from "./Engine.ts"
export * from "./Upkeep.ts"
export { describe, type EngineError } from "./Describe.ts"
export { healthcheck, Unhealthy } from "./Healthcheck.ts"
export type { From, Prepared, PrepareError } from "./Prepare.ts"

/** What is to be built: a spec with where its copies copy from, or what {@link plan} made of them. */
export type What = ({ readonly spec: Spec | string } & From) | (Prepared & { readonly spec?: undefined })

export interface HowToBuild {
  /** By their ids. Texts are given to steps as UTF-8. */
  readonly secrets?: ReadonlyMap<string, Uint8Array> | Readonly<Record<string, string | Uint8Array>>
  /** How many steps may be executed at the same time; as many as there are processors if it is left out. */
  readonly jobs?: number
  /** As `BuildRequest`. */
  readonly freeSpace?: number
  readonly onEvent?: BuildRequest["onEvent"]
}

/**
 * Plans, if that is to be done, and builds. A step that another build of this
 * engine, or of another process on the same store, is executing is executed
 * once, and followed by both. Interrupted, it cancels the steps that no other build wants.
 */
export const build = (request: What & HowToBuild): Effect.Effect<BuildResult, BuildError | PrepareError, Engine> =>
  Effect.gen(function* () {
    const engine = yield* Engine
    const { freeSpace, jobs = availableParallelism(), onEvent = () => Effect.void, secrets = {} } = request
    const { context, inputs, plan } = request.spec === undefined ? request : yield* prepared(engine, request)
    return yield* engine.build({ plan, inputs, context, jobs, freeSpace, onEvent, secrets: bytesOf(secrets) })
  })

/** Looks at bases and at what is to be copied, and plans. Runs nothing, and writes nothing but what a registry said. */
export const plan = (spec: Spec | string, from: From): Effect.Effect<Prepared, PrepareError, Engine> =>
  Effect.flatMap(Engine, (engine) => prepared(engine, { spec, ...from }))

const prepared = (
  { images, store }: EngineService,
  { spec, ...from }: { readonly spec: Spec | string } & From
): Effect.Effect<Prepared, PrepareError> =>
  Effect.provideService(
    Prepare.prepare(
      spec,
      from.context === undefined ? { ...from, without: [...pathIn(store.name), ...given(from.without)] } : from
    ),
    BaseImages,
    images
  )

/** A store that is in the source directory, which every build changes, is left out of what is copied. */
const pathIn = (name: string): ReadonlyArray<string> => {
  const path = name.slice(name.indexOf(":") + 1)
  return path.startsWith("/") ? [path] : []
}

const given = (without: string | ReadonlyArray<string> = []): ReadonlyArray<string> =>
  typeof without === "string" ? [without] : without

const bytesOf = (secrets: NonNullable<HowToBuild["secrets"]>): ReadonlyMap<string, Uint8Array> => {
  if (isMap(secrets)) return secrets
  const encoder = new TextEncoder()
  return new Map(
    Object.entries(secrets).map(([id, value]) => [id, typeof value === "string" ? encoder.encode(value) : value])
  )
}

const isMap = (secrets: NonNullable<HowToBuild["secrets"]>): secrets is ReadonlyMap<string, Uint8Array> =>
  secrets instanceof Map

/** What the engine has counted since it began. */
export const statistics: Effect.Effect<Statistics, never, Engine> = Effect.flatMap(Engine, (one) => one.statistics)

/** The steps that are being executed for builds of this engine; that which was begun first comes first. */
export const running: Effect.Effect<ReadonlyArray<Running>, never, Engine> = Effect.flatMap(
  Engine,
  (one) => one.running
)

/**
 * The output of a step, by its id or what that begins with: of one that is being
 * executed what there is and then what comes, ending, or failing, as it does; of
 * another one what the store has. It does not keep a step going: when the last build
 * that wants it has gone, this fails with `StepCancelled`.
 */
export const attach = (id: string): Stream.Stream<Uint8Array, BuildError | StepCancelled, Engine> =>
  Stream.unwrapScoped(
    Effect.gen(function* () {
      const engine = yield* Engine
      const queue = yield* Queue.bounded<Take.Take<Uint8Array, BuildError | StepCancelled>>(16)
      const emit = (chunk: Uint8Array) => Effect.asVoid(queue.offer(Take.chunk(Chunk.of(chunk))))
      const end = (exit: Exit.Exit<void, BuildError | StepCancelled>) =>
        Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)
          ? Effect.void
          : queue.offer(Exit.isSuccess(exit) ? Take.end : Take.failCause(exit.cause))
      const following = Effect.onExit(Effect.interruptible(follow(engine, id, emit)), end)
      const closing = Effect.addFinalizer(() => Queue.shutdown(queue))
      // The queue goes first: who waits to tell the end, when there is nobody to hear it, would wait for ever.
      yield* Effect.uninterruptible(Effect.zipRight(Effect.forkScoped(following), closing))
      return Stream.flattenTake(Stream.fromQueue(queue))
    })
  )

const follow = (
  engine: EngineService,
  id: string,
  emit: (chunk: Uint8Array) => Effect.Effect<void>
): Effect.Effect<void, BuildError | StepCancelled> =>
  Effect.gen(function* () {
    const running = (yield* engine.running).map((one) => one.id)
    const candidates = id.length < SHORTEST ? [] : running.filter((one) => one.startsWith(id))
    const [found, another] = candidates
    if (another !== undefined) return yield* new UnknownId({ id, candidates })
    if (found !== undefined && Option.isSome(yield* engine.watch(found, emit))) return
    yield* replay(engine, (yield* engine.store.find(id)).id, emit)
  })

/** Digits of an id's beginning that are looked for, as a store does. */
const SHORTEST = 4

/** Bytes that are read at a time. */
const PIECE = 65536

/** The result is held until its log has been read. */
const replay = (
  { store }: EngineService,
  id: StepId,
  emit: (chunk: Uint8Array) => Effect.Effect<void>
): Effect.Effect<void, StoreError | UnknownId> =>
  Effect.gen(function* () {
    yield* store.using
    // Who may not write to the store reads all the same.
    if (!(yield* Effect.orElseSucceed(store.hold(id), () => true))) return yield* new UnknownId({ id, candidates: [] })
    for (let offset = 0; ;) {
      const chunk = yield* store.log(id, offset, PIECE)
      if (chunk.length === 0) return
      offset += chunk.length
      yield* emit(chunk)
    }
  }).pipe(Effect.scoped)
