/** Why a plan's steps would run: what changed since the results that are most like them. Reads only. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { StepId } from "../domain/Digest.ts"
import { copyKey, type Inputs } from "../domain/Inputs.ts"
import * as Manifest from "../domain/Manifest.ts"
import { type Content, type Facts, planned } from "../plan/Explain.ts"
import type { StageReport, StepReport } from "../plan/ExplainReport.ts"
import { byStage, type Plan, type Stage, type Step } from "../plan/Plan.ts"
import { realisedId } from "../plan/StepKey.ts"
import * as Earlier from "./Earlier.ts"
import { MissTrail } from "./MissTrail.ts"
import { isNestedCopy, type NestedCopy } from "./NestedCopy.ts"
import { knownCopyOn } from "./StageBuild.ts"
import { Store, type StoreError, type StoreService } from "./Store.ts"

/** How many earlier results are looked at for one step, newest first. */
const LOOKED_AT = 2000

/** A step, as the store has it. */
export interface Looked {
  readonly facts: Facts
  /** Its id in the store, where that is known without running anything. */
  readonly id: StepId | undefined
  /** That of the step before it. */
  readonly parent: StepId | undefined
  readonly isCached: boolean
}

/** Why each step of a plan would run, stage by stage, in the plan's order. */
export const explain = (plan: Plan, inputs: Inputs): Effect.Effect<ReadonlyArray<StageReport>, StoreError, Store> =>
  Effect.gen(function* () {
    const store = yield* Store
    const lookup = yield* Earlier.everything(store)
    const looked = yield* look(plan, inputs)
    const needed = neededStages(plan, looked)
    const reports: Array<StageReport> = []
    for (const [stage] of byStage(plan)) {
      const all = looked.get(stage.label) ?? []
      const steps = all.map(({ facts }) => planned(facts.step))
      const trail = new MissTrail({ store, lookup, most: LOOKED_AT, steps, last: undefined })
      const told: Array<StepReport> = []
      for (const one of all) told.push(yield* tell(trail, one))
      reports.push({ label: stage.label, name: stage.name, isNeeded: needed.has(stage.label), steps: told })
    }
    return reports
  })

const tell = (trail: MissTrail, { facts, id, isCached, parent }: Looked): Effect.Effect<StepReport, StoreError> =>
  Effect.gen(function* () {
    const { step } = facts
    if (isCached && id !== undefined) {
      trail.hit(planned(step), id)
      return { step, cached: id, earlier: null, changes: [] }
    }
    const miss = Option.getOrUndefined(yield* trail.miss({ facts, id, parent }))
    const earlier = miss?.earlier ?? null
    return {
      step,
      cached: null,
      earlier: earlier === null ? null : { id: earlier.id, heading: earlier.facts.step.heading, made: earlier.begun },
      changes: miss?.changes ?? []
    }
  })

/** What the store has of each stage's steps, and what they copy. */
export const look = (
  plan: Plan,
  inputs: Inputs
): Effect.Effect<ReadonlyMap<string, ReadonlyArray<Looked>>, StoreError, Store> =>
  Effect.gen(function* () {
    const store = yield* Store
    const stages = new Map<string, ReadonlyArray<Looked>>()
    for (const [stage, steps] of byStage(plan)) {
      const looked: Array<Looked> = []
      let parent: StepId | undefined
      for (const step of steps) {
        const above = looked.at(-1)
        const one: Found =
          above !== undefined && above.id === undefined
            ? { id: undefined, content: planned(step).content }
            : yield* find(store, step, parent, stages)
        const isCached = one.id !== undefined && Option.isSome(yield* store.result(one.id))
        const content =
          one.content === undefined || step.kind !== "copy" || step.source.from === "build"
            ? one.content
            : planned(step, inputs.copies.get(copyKey(step))).content
        looked.push({ facts: { step, content }, id: one.id, parent, isCached })
        parent = one.id
      }
      stages.set(stage.label, looked)
    }
    return stages
  })

interface Found {
  readonly id: StepId | undefined
  readonly content: Content | undefined
}

const find = (
  store: StoreService,
  step: Step,
  parent: StepId | undefined,
  stages: ReadonlyMap<string, ReadonlyArray<Looked>>
): Effect.Effect<Found, StoreError> =>
  Effect.gen(function* () {
    if (!isNestedCopy(step)) return { id: realisedId(step, parent), content: planned(step).content }
    const known = yield* knownCopyOn(store, step, parent)
    if (Option.isSome(known)) {
      const { id } = known.value
      const made = Option.getOrUndefined(yield* Earlier.read(store, id))
      return { id, content: made === undefined ? undefined : (yield* Earlier.withFiles(store, made)).content }
    }
    const from = stages.get(step.source.build)?.at(-1)
    if (from?.isCached !== true || from.id === undefined) return { id: undefined, content: undefined }
    const content = yield* contentOf(store, step, from.id)
    return content === undefined
      ? { id: undefined, content }
      : { id: realisedId(step, parent, { digest: content.digest }), content }
  })

/** What is copied from a result that is there; none where that cannot be read, or has nothing of that name. */
const contentOf = (
  store: StoreService,
  step: NestedCopy,
  from: StepId
): Effect.Effect<Content | undefined, StoreError> =>
  Effect.flatMap(store.tree(from), (tree) =>
    Effect.forEach(step.src, (src) => tree.manifest(src, step.exclude, step.preserve))
  ).pipe(
    Effect.scoped,
    Effect.map((named) => {
      const items = Manifest.copied(step, named, step.destination.form)
      return { digest: Manifest.digest(items, step.destination.form), items }
    }),
    Effect.catchTags({
      UnknownId: () => Effect.succeed(undefined),
      SourceError: () => Effect.succeed(undefined)
    })
  )

/** The labels of the stages that a build would run: see `BuildStages.ts`. */
export const neededStages = (plan: Plan, looked: ReadonlyMap<string, ReadonlyArray<Looked>>): ReadonlySet<string> => {
  const copied = new Set(plan.steps.filter(isNestedCopy).map(({ source }) => source.build))
  const pending = plan.stages.map(({ label }: Stage) => label).filter((label) => !copied.has(label))
  const needed = new Set<string>()
  for (let label = pending.pop(); label !== undefined; label = pending.pop()) {
    if (needed.has(label)) continue
    needed.add(label)
    for (const { facts, isCached } of looked.get(label) ?? []) {
      if (!isCached && isNestedCopy(facts.step)) pending.push(facts.step.source.build)
    }
  }
  return needed
}
