/** One stage of a build: its steps in a row, each taken from the store or executed. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { StepId } from "../domain/Digest.ts"
import { copyKey, type Variable } from "../domain/Inputs.ts"
import * as Manifest from "../domain/Manifest.ts"
import type { BaseStep, CopyStep, RunStep, Stage, Step } from "../plan/Plan.ts"
import type { Content } from "../plan/Explain.ts"
import { realisedId } from "../plan/StepKey.ts"
import type { BaseImagesService } from "./BaseImages.ts"
import { type BuildError, type BuildRequest, StepFailed } from "./Build.ts"
import type { Executions } from "./Executions.ts"
import * as Foresight from "./Foresight.ts"
import { concatenated, type LiveLog, type ReadLog, sizeOf } from "./LiveLog.ts"
import { makeRoom, type Removed } from "./LifeCycle.ts"
import { Misses, type Told } from "./Misses.ts"
import { isNestedCopy, type NestedCopy } from "./NestedCopy.ts"
import type { SandboxService } from "./Sandbox.ts"
import type { SourceTree } from "./SourceTree.ts"
import type { Counters } from "./Statistics.ts"
import * as StageNotes from "./StageNotes.ts"
import {
  type Elsewhere,
  type ResultInfo,
  Store,
  type StoreError,
  type StoreService,
  type UnknownId,
  type Workspace
} from "./Store.ts"

/** OBuilder's host name in a sandbox. */
const HOSTNAME = "builder"

/** Bytes of a saved log that are replayed at a time. */
const PIECE = 65536

export interface Services {
  readonly store: StoreService
  readonly sandbox: SandboxService
  readonly images: BaseImagesService
  readonly executions: Executions<BuildError>
  /** For who makes room: two at the same time would delete twice as much. */
  readonly room: Effect.Semaphore
  readonly statistics: Counters
}

/** What a step comes to, now that its parent is known: its id, and how to make it. */
interface Realised {
  readonly id: StepId
  /** Of a copy. */
  readonly content?: Content
  readonly fill: (workspace: Workspace) => Effect.Effect<void, BuildError>
}

/** The result of a copy from a nested build, if it was found out before and is still there. */
export const knownCopy = (store: StoreService, step: CopyStep): Effect.Effect<Option.Option<ResultInfo>, StoreError> =>
  Effect.flatMap(store.realised(step.id), (id) =>
    Option.isNone(id) ? Effect.succeed(Option.none()) : store.result(id.value)
  )

/** The same, if it counts for this parent: what a planned copy meant does so only on the parent that it was found on. */
export const knownCopyOn = (
  store: StoreService,
  step: CopyStep,
  parent: StepId | undefined
): Effect.Effect<Option.Option<ResultInfo>, StoreError> =>
  Effect.map(
    knownCopy(store, step),
    Option.filter((info) => Option.getOrUndefined(info.parent) === parent)
  )

/** The builds that were told that there is too little room. */
const warned = new WeakSet<BuildRequest>()

/** A step whose result the store has. */
interface Known {
  readonly step: Step
  readonly id: StepId
}

/** What the stages of one build have in common. */
export interface Common {
  readonly permits: Effect.Semaphore
  /** What was told of steps that are not cached. */
  readonly told: Told
  /** The steps that were counted as misses: each is one, however many stages have it. */
  readonly missed: Set<StepId>
  /** The realised id of another stage's result, run if need be, and held. */
  readonly resultOf: (label: string) => Effect.Effect<StepId, BuildError>
}

export class StageBuild {
  private readonly services: Services
  private readonly request: BuildRequest
  private readonly common: Common
  /** Of a stage that is not cached as a whole. */
  private misses: Misses | undefined

  constructor(services: Services, request: BuildRequest, common: Common) {
    this.services = services
    this.request = request
    this.common = common
  }

  /**
   * Runs the stage and gives the realised id of its last step. What is taken from
   * the store to build on, or because others copy from it, is held first: others
   * may be making room.
   */
  run(stage: Stage, steps: ReadonlyArray<Step>, isCopied: boolean): Effect.Effect<StepId, BuildError> {
    return Effect.gen(this, function* () {
      const known = yield* this.knownSteps(steps)
      const last = known.at(-1)?.id
      const isNeeded = known.length < steps.length || isCopied
      if (last !== undefined && isNeeded && !(yield* this.services.store.hold(last))) {
        return yield* this.run(stage, steps, isCopied)
      }
      yield* this.show(known)
      yield* Effect.forEach(known, ({ id, step }) => this.remember(step, id), { discard: true })
      let parent = last
      const [first] = steps
      const base = first?.kind === "base" ? first.environment : []
      const missing = steps.slice(known.length)
      if (missing.length > 0) {
        const { store } = this.services
        this.misses = new Misses({ store, told: this.common.told, onEvent: this.request.onEvent, steps: missing, last })
      }
      for (const step of missing) {
        yield* this.announce(step)
        parent = yield* this.step(step, parent, base)
      }
      return yield* this.finish(stage, first, parent)
    })
  }

  /**
   * Shows the stage as it is in the store and gives its last result, or says that
   * it is skipped where the store lacks some of it.
   */
  replay(stage: Stage, steps: ReadonlyArray<Step>): Effect.Effect<Option.Option<StepId>, BuildError> {
    return Effect.gen(this, function* () {
      const known = yield* this.knownSteps(steps)
      if (known.length < steps.length) {
        yield* Effect.forEach(
          steps.flatMap((one) => one.preamble),
          (text) => this.heading(stage.label, text)
        )
        yield* this.request.onEvent({ _tag: "StageSkipped", stage: stage.label, name: stage.name })
        return Option.none()
      }
      yield* this.show(known)
      return Option.some(yield* this.finish(stage, steps[0], known.at(-1)?.id))
    })
  }

  /** The steps that the store has, up to the first that it lacks. */
  private knownSteps(steps: ReadonlyArray<Step>): Effect.Effect<ReadonlyArray<Known>, StoreError> {
    const { store } = this.services
    return Effect.gen(function* () {
      yield* Foresight.tell(store, steps)
      const known: Array<Known> = []
      let parent: StepId | undefined
      for (const step of steps) {
        const result: Option.Option<ResultInfo> = yield* isNestedCopy(step)
          ? knownCopyOn(store, step, parent)
          : store.result(realisedId(step, parent))
        if (Option.isNone(result)) break
        parent = result.value.id
        known.push({ step, id: parent })
      }
      return known
    })
  }

  private show(known: ReadonlyArray<Known>): Effect.Effect<void, BuildError> {
    const last = known.at(-1)
    return Effect.forEach(known, ({ id, step }) => Effect.zipRight(this.announce(step), this.cached(step, id)), {
      discard: true
    }).pipe(Effect.zipRight(last === undefined ? Effect.void : this.services.store.used(last.id)))
  }

  private step(
    step: Step,
    parent: StepId | undefined,
    base: ReadonlyArray<Variable>
  ): Effect.Effect<StepId, BuildError> {
    switch (step.kind) {
      case "base":
        return this.reach(step, parent, {
          id: realisedId(step, parent),
          fill: (workspace) => this.unpack(step, workspace)
        })
      case "run":
        return this.reach(step, parent, {
          id: realisedId(step, parent),
          fill: (workspace) =>
            Effect.zipRight(StageNotes.step(workspace, step, null), this.command(step, base, workspace))
        })
      case "copy":
        return isNestedCopy(step) ? this.nestedCopy(step, parent) : this.contextCopy(step, parent)
    }
  }

  private contextCopy(step: CopyStep, parent: StepId | undefined): Effect.Effect<StepId, BuildError> {
    const { context, inputs } = this.request
    const items = inputs.copies.get(copyKey(step))
    return items === undefined
      ? Effect.dieMessage("the inputs are not those that the plan was made from")
      : this.reach(step, parent, this.copy(step, parent, Effect.succeed(context), items, null))
  }

  /** What is copied is read from the result of the stage that it names, once that has run. */
  private nestedCopy(step: NestedCopy, parent: StepId | undefined): Effect.Effect<StepId, BuildError> {
    const { store } = this.services
    return Effect.gen(this, function* () {
      const early = yield* knownCopyOn(store, step, parent)
      if (Option.isSome(early) && (yield* store.hold(early.value.id))) {
        this.misses?.hit(step, early.value.id)
        yield* Effect.zipRight(this.cached(step, early.value.id), store.used(early.value.id))
        return early.value.id
      }
      const from = yield* this.common.resultOf(step.source.build)
      // Whoever copies opens it again: that may go on for another build when this one has gone.
      const source = store.tree(from)
      const items = yield* Effect.flatMap(source, (tree) =>
        Effect.forEach(step.src, (src) => tree.manifest(src, step.exclude, step.preserve))
      ).pipe(
        Effect.scoped,
        Effect.catchTag("SourceError", (reason) => Effect.fail(new StepFailed({ step, reason })))
      )
      return yield* this.reach(step, parent, this.copy(step, parent, source, items, from))
    })
  }

  private copy(
    step: CopyStep,
    parent: StepId | undefined,
    tree: Effect.Effect<SourceTree, StoreError | UnknownId, Scope.Scope>,
    named: ReadonlyArray<Manifest.Manifest>,
    from: StepId | null
  ): Realised {
    const items = Manifest.copied(step, named, step.destination.form)
    const digest = Manifest.digest(items, step.destination.form)
    return {
      id: realisedId(step, parent, { digest }),
      content: { digest, items },
      fill: (workspace) =>
        StageNotes.step(workspace, step, { digest, from }).pipe(
          Effect.zipRight(StageNotes.copied(workspace, items)),
          Effect.zipRight(tree),
          Effect.flatMap((source) =>
            workspace.copy({ source, items, destination: step.destination, owner: step.user })
          ),
          Effect.scoped,
          Effect.catchTags({
            CopyError: (reason) => Effect.fail(new StepFailed({ step, reason })),
            SourceError: (reason) => Effect.fail(new StepFailed({ step, reason }))
          })
        )
    }
  }

  /** Takes a result from the store, or makes it, and gives its id. It is held then. */
  private reach(
    step: Step,
    parent: StepId | undefined,
    { content, fill, id }: Realised
  ): Effect.Effect<StepId, BuildError> {
    return Effect.gen(this, function* () {
      const { store } = this.services
      if (yield* store.hold(id)) {
        this.misses?.hit(step, id)
        yield* Effect.zipRight(this.cached(step, id), store.used(id))
      } else {
        yield* this.misses?.miss(step, parent, id, content) ?? Effect.void
        yield* this.execute(step, { id, parent: Option.fromNullable(parent), heading: step.heading }, fill)
      }
      yield* this.remember(step, id)
      return id
    })
  }

  private remember(step: Step, id: StepId): Effect.Effect<void, StoreError> {
    return id === step.id ? Effect.void : this.services.store.realise(step.id, id)
  }

  private unpack(step: BaseStep, workspace: Workspace): Effect.Effect<void, BuildError> {
    const { images } = this.services
    return StageNotes.base(workspace, step, images.unpack(step.reference, step, workspace.rootfs))
  }

  private command(step: RunStep, base: ReadonlyArray<Variable>, workspace: Workspace): Effect.Effect<void, BuildError> {
    const { sandbox, store } = this.services
    const { secrets } = this.request
    return Effect.scoped(
      Effect.gen(function* () {
        const caches = yield* Effect.forEach(step.caches, ({ id, target }) =>
          Effect.map(store.cache(id, step.user), ({ rootfs }) => ({ target, rootfs }))
        )
        yield* sandbox.run(
          {
            argv: step.argv,
            cwd: step.cwd,
            environment: override(base, step.environment),
            user: step.user,
            hostname: HOSTNAME,
            network: step.network,
            caches,
            secrets: step.secrets.flatMap(({ id, target }) => {
              const content = secrets.get(id)
              return content === undefined ? [] : [{ target, content }]
            })
          },
          workspace.rootfs,
          workspace.log
        )
      })
    ).pipe(Effect.catchTag("CommandFailed", (reason) => Effect.fail(new StepFailed({ step, reason }))))
  }

  /** Executes a step, or follows the execution that another build has begun. */
  private execute(
    step: Step,
    info: ResultInfo,
    fill: (workspace: Workspace) => Effect.Effect<void, BuildError>
  ): Effect.Effect<void, BuildError> {
    const { store, executions, statistics } = this.services
    const { onEvent } = this.request
    const { common } = this
    if (!common.missed.has(info.id)) statistics.misses++
    common.missed.add(info.id)
    // Held as well, from then on.
    const isMade = store.hold(info.id)
    /** What was shown of attempts elsewhere that came to nothing stays shown, before what comes now. */
    let shown = (read: ReadLog<BuildError>): ReadLog<BuildError> => read
    const make = (log: LiveLog<BuildError>): Effect.Effect<void, BuildError, Scope.Scope> =>
      store.build(info, (workspace) =>
        Effect.suspend(() => {
          statistics.executed++
          return log.open(shown(workspace.readLog))
        }).pipe(
          Effect.zipRight(fill({ ...workspace, log: (chunk) => Effect.zipRight(workspace.log(chunk), log.grown) }))
        )
      )
    /** Makes it, unless another process does. The claim is given back at once: whoever reads the log may be slow. */
    const makeHere = (log: LiveLog<BuildError>) =>
      Effect.gen(this, function* () {
        yield* this.makeRoom
        const claim = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
        const elsewhere = yield* Scope.extend(store.claim(info.id), claim)
        if (Option.isSome(elsewhere)) return elsewhere
        yield* make(log).pipe(Effect.unlessEffect(isMade), Effect.ensuring(Scope.close(claim, Exit.void)))
        return Option.none<Elsewhere>()
      }).pipe(this.common.permits.withPermits(1))
    let isFirst = false
    const run = (log: LiveLog<BuildError>): Effect.Effect<void, BuildError, Scope.Scope> => {
      isFirst = true
      return Effect.gen(function* () {
        // Another build, or another process, may have made it since this one looked.
        while (!(yield* isMade)) {
          const elsewhere = yield* makeHere(log)
          if (Option.isNone(elsewhere)) continue
          statistics.followed++
          const there = shown(elsewhere.value.readLog)
          yield* log.open(there)
          while ((yield* elsewhere.value.more) && !(yield* isMade)) yield* log.grown
          if (yield* elsewhere.value.kept) continue
          const size = yield* sizeOf(there)
          shown = (read) => concatenated(there, size, read)
        }
        yield* log.open(shown((offset, limit) => store.log(info.id, offset, limit)))
      })
    }
    return Effect.gen(function* () {
      const execution = yield* executions.join(info, run, common)
      if (!isFirst && execution.owner !== common) statistics.attached++
      yield* execution.log.follow((chunk) => onEvent({ _tag: "Output", stage: step.stage, chunk }))
      const end = yield* Effect.either(execution.done)
      if (Either.isLeft(end)) {
        if (isFirst) return yield* Effect.fail(end.left)
        // What it copied from may have gone with the build that began it: this one has its own.
        if (execution.isLeft() && isOfSource(end.left)) return false
        return yield* Effect.fail(
          end.left._tag === "StepFailed" ? new StepFailed({ step, reason: end.left.reason }) : end.left
        )
      }
      // Whoever made it may be through with it, and let go of it: from here on this build holds it as well.
      if (!isFirst && !(yield* isMade)) return false
      yield* onEvent({ _tag: "Saved", stage: step.stage, planned: step.id, id: info.id })
      return true
    }).pipe(
      Effect.scoped,
      Effect.flatMap((isHeld) => (isHeld ? Effect.void : this.execute(step, info, fill)))
    )
  }

  /** It may not be enough: then the step may fit all the same, or fail for want of space. */
  private get makeRoom(): Effect.Effect<void, StoreError> {
    const { freeSpace } = this.request
    const { room, store } = this.services
    if (freeSpace === undefined) return Effect.void
    const removed = ({ result }: Removed) => Effect.logInfo(`deleted ${result.id} to make room: ${result.heading}`)
    return makeRoom(freeSpace, { removed, measured: () => Effect.void }).pipe(
      Effect.provideService(Store, store),
      // What only builds have held that have ended may go as well.
      (making) => Effect.zipRight(store.release, making),
      room.withPermits(1),
      Effect.flatMap((isEnough) => {
        if (isEnough || warned.has(this.request)) return Effect.void
        warned.add(this.request)
        return Effect.logWarning(
          `less is free in the store ${store.name} than asked for, and deleting results would not be enough`
        )
      })
    )
  }

  private cached(step: Step, id: StepId): Effect.Effect<void, StoreError> {
    const { statistics, store } = this.services
    const { onEvent } = this.request
    const missed = this.common.told.get(id)
    return Effect.gen(function* () {
      statistics.hits++
      if (missed !== undefined && missed.stage !== step.stage) yield* onEvent({ ...missed, stage: step.stage })
      for (let offset = 0; ;) {
        const chunk = yield* store.log(id, offset, PIECE)
        if (chunk.length === 0) break
        offset += chunk.length
        yield* onEvent({ _tag: "Output", stage: step.stage, chunk })
      }
    }).pipe(
      // Deleted since, which nobody minds who only wants to see it.
      Effect.catchTag("UnknownId", () => Effect.void),
      Effect.zipRight(onEvent({ _tag: "Cached", stage: step.stage, planned: step.id, id }))
    )
  }

  private announce(step: Step): Effect.Effect<void> {
    return Effect.forEach([...step.preamble, step.heading], (text) => this.heading(step.stage, text), {
      discard: true
    })
  }

  private heading(stage: string, text: string): Effect.Effect<void> {
    return this.request.onEvent({ _tag: "Heading", stage, text })
  }

  private finish(stage: Stage, first: Step | undefined, result: StepId | undefined): Effect.Effect<StepId> {
    const id = result ?? stage.result
    return Effect.forEach(stage.trailing, (text) => this.heading(stage.label, text), { discard: true }).pipe(
      Effect.zipRight(StageNotes.stage(this.services, stage, first, id)),
      Effect.zipRight(this.request.onEvent({ _tag: "StageFinished", stage: stage.label, name: stage.name, id })),
      Effect.as(id)
    )
  }
}

/** What to copy from is not there, or not what it was. */
const isOfSource = (error: BuildError): boolean =>
  error._tag === "UnknownId" || (error._tag === "StepFailed" && error.reason._tag !== "CommandFailed")

/** The base's environment with the spec's on top. */
const override = (base: ReadonlyArray<Variable>, set: ReadonlyArray<Variable>): ReadonlyArray<Variable> => {
  const merged = new Map(base.map(({ name, value }) => [name, value]))
  for (const { name, value } of set) merged.set(name, value)
  return [...merged].map(([name, value]) => ({ name, value }))
}
