/**
 * The stages of one build: which of them have to run, and that each runs once,
 * as early as it can.
 *
 * A stage is needed when it is the main one, when nothing copies from it (its
 * success is then all that it is for), or when a needed stage copies from it
 * something that the store does not have. What is not needed is replayed where
 * the store has all of it, and skipped otherwise.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type { StepId } from "../domain/Digest.ts"
import type { Stage, Step } from "../plan/Plan.ts"
import { byStage } from "../plan/Plan.ts"
import type { BuildError, BuildRequest, BuildResult } from "./Build.ts"
import { isNestedCopy } from "./NestedCopy.ts"
import { type Common, knownCopy, type Services, StageBuild } from "./StageBuild.ts"
import type { StoreError } from "./Store.ts"

interface StageState {
  readonly stage: Stage
  readonly steps: ReadonlyArray<Step>
  result: Deferred.Deferred<StepId, BuildError>
  started: boolean
}

export const buildStages = (services: Services, request: BuildRequest): Effect.Effect<BuildResult, BuildError> =>
  Effect.gen(function* () {
    const permits = yield* Effect.makeSemaphore(Math.max(1, request.jobs))
    const states = new Map<string, StageState>()
    for (const [stage, steps] of byStage(request.plan)) {
      const result = yield* Deferred.make<StepId, BuildError>()
      states.set(stage.label, { stage, steps, result, started: false })
    }

    const copied = copiedStages(states)

    /** Runs a stage, once; whoever wants its result waits for the same run. */
    const demand = (state: StageState): Effect.Effect<StepId, BuildError> =>
      Effect.suspend(() => {
        if (state.started) return Deferred.await(state.result)
        state.started = true
        const { result } = state
        const build = new StageBuild(services, request, common)
        return build
          .run(state.stage, state.steps, copied.has(state.stage.label))
          .pipe(Effect.onExit((exit) => Deferred.done(result, exit)))
      })

    /** Shows a stage that is not needed. What was skipped is run after all where a copy turns out to want it. */
    const replay = (state: StageState): Effect.Effect<void, BuildError> =>
      Effect.gen(function* () {
        const id = yield* new StageBuild(services, request, common).replay(state.stage, state.steps)
        if (Option.isNone(id)) return
        state.started = true
        yield* Deferred.succeed(state.result, id.value)
      })

    const resultOf = (label: string): Effect.Effect<StepId, BuildError> => {
      const state = states.get(label)
      return state === undefined
        ? Effect.dieMessage(`the plan copies from a stage "${label}" that it does not have`)
        : held(state)
    }

    /** A stage's result, to be read: what was only shown may have been deleted since, and is made again. */
    const held = (state: StageState): Effect.Effect<StepId, BuildError> =>
      Effect.gen(function* () {
        const { result } = state
        const id = yield* demand(state)
        if (yield* services.store.hold(id)) return id
        if (state.result === result) {
          state.result = Deferred.unsafeMake<StepId, BuildError>(FiberId.none)
          state.started = false
        }
        return yield* held(state)
      })

    const common: Common = { permits, told: new Map(), missed: new Set(), resultOf }
    const needed = yield* neededStages(services, states, copied)
    const all = [...states.values()]
    // First, since whoever shows stages in the plan's order waits for those that come early in it.
    yield* Effect.forEach(
      all.filter((state) => !needed.has(state.stage.label)),
      (state) => replay(state),
      { discard: true }
    )
    yield* Effect.forEach(
      all.filter((state) => needed.has(state.stage.label)),
      demand,
      { concurrency: "unbounded", discard: true }
    )
    const main = states.get(request.plan.stages.at(-1)?.label ?? "")
    const id = main === undefined ? request.plan.result : yield* demand(main)
    return { id }
  })

/** The labels of the stages that others copy from. */
const copiedStages = (states: ReadonlyMap<string, StageState>): ReadonlySet<string> =>
  new Set([...states.values()].flatMap(({ steps }) => steps.filter(isNestedCopy).map((step) => step.source.build)))

const neededStages = (
  services: Services,
  states: ReadonlyMap<string, StageState>,
  copied: ReadonlySet<string>
): Effect.Effect<ReadonlySet<string>, StoreError> =>
  Effect.gen(function* () {
    const pending = [...states.values()].filter((state) => !copied.has(state.stage.label))
    const needed = new Set<string>()
    for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
      if (needed.has(state.stage.label)) continue
      needed.add(state.stage.label)
      for (const step of state.steps) {
        if (!isNestedCopy(step)) continue
        const from = states.get(step.source.build)
        if (from !== undefined && Option.isNone(yield* knownCopy(services.store, step))) pending.push(from)
      }
    }
    return needed
  })
