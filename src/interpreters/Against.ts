/** What is other about a plan than about a result, or about another plan. Reads only. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { StepId } from "../domain/Digest.ts"
import { copyKey, type Inputs } from "../domain/Inputs.ts"
import type { Change } from "../plan/Change.ts"
import { compare, type StepComparison } from "../plan/Comparison.ts"
import { type Facts, planned } from "../plan/Explain.ts"
import type { StageReport, StepReport } from "../plan/ExplainReport.ts"
import { byStage, type Plan } from "../plan/Plan.ts"
import * as Earlier from "./Earlier.ts"
import { look, type Looked, neededStages } from "./Explaining.ts"
import { isNestedCopy } from "./NestedCopy.ts"
import { Store, type StoreError, type StoreService, type UnknownId } from "./Store.ts"

/** A step to compare with. */
interface Before {
  readonly facts: Facts
  readonly id: StepId | null
  readonly made: number | null
  /** Of a copy from a nested build: the result that was copied from. */
  readonly from: StepId | null
}

/**
 * All steps of a plan, and those that are gone from it, compared with a result
 * and what that is made of. A nested build is compared with what the steps that
 * copy from it copied from.
 */
export const result = (
  plan: Plan,
  inputs: Inputs,
  prefix: string
): Effect.Effect<ReadonlyArray<StageReport>, StoreError | UnknownId, Store> =>
  Effect.gen(function* () {
    const store = yield* Store
    const { id } = yield* store.find(prefix)
    const stages = yield* look(plan, inputs)
    const needed = neededStages(plan, stages)
    const reports = new Map<string, StageReport>()
    const pending: Array<readonly [string, ReadonlyArray<Before>]> = [
      [plan.stages.at(-1)?.label ?? "", yield* chain(store, id)]
    ]
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const [label, before] = next
      const after = stages.get(label) ?? []
      const pairs = compareWith(before, after)
      for (const pair of pairs) {
        const [one, other] = [at(before, pair.before), at(after, pair.after)]
        const step = other?.facts.step
        if (step === undefined || !isNestedCopy(step) || reports.has(step.source.build)) continue
        const from = one?.from ?? null
        pending.push([step.source.build, from === null ? [] : yield* chain(store, from)])
      }
      reports.set(label, reportOf(plan, label, before, after, pairs, needed))
    }
    return plan.stages.flatMap(({ label }) => reports.get(label) ?? [])
  })

/** The same with another plan, stage by stage. */
export const other = (
  plan: Plan,
  inputs: Inputs,
  earlier: { readonly plan: Plan; readonly inputs: Inputs }
): Effect.Effect<ReadonlyArray<StageReport>, StoreError, Store> =>
  Effect.gen(function* () {
    const stages = yield* look(plan, inputs)
    const needed = neededStages(plan, stages)
    const was = new Map(byStage(earlier.plan).map(([{ label }, steps]) => [label, steps]))
    return plan.stages.map(({ label }) => {
      const before = (was.get(label) ?? []).map((step): Before => {
        const items = step.kind === "copy" ? earlier.inputs.copies.get(copyKey(step)) : undefined
        return { facts: planned(step, items), id: null, made: null, from: null }
      })
      // What is known of what nested builds come to is known of one of the two only.
      const after = (stages.get(label) ?? []).map((one): Looked => {
        const { step } = one.facts
        return isNestedCopy(step) ? { ...one, facts: planned(step) } : one
      })
      return reportOf(plan, label, before, after, compareWith(before, after), needed)
    })
  })

const at = <A>(all: ReadonlyArray<A>, index: number | null): A | undefined => (index === null ? undefined : all[index])

const compareWith = (before: ReadonlyArray<Before>, after: ReadonlyArray<Looked>): ReadonlyArray<StepComparison> =>
  compare(
    before.map(({ facts }) => facts),
    after.map(({ facts }) => facts)
  )

const reportOf = (
  plan: Plan,
  label: string,
  before: ReadonlyArray<Before>,
  after: ReadonlyArray<Looked>,
  pairs: ReadonlyArray<StepComparison>,
  needed: ReadonlySet<string>
): StageReport => {
  let isOnOther = false
  const steps = pairs.map((pair): StepReport => {
    const [one, looked] = [at(before, pair.before), at(after, pair.after)]
    const isHere = looked?.isCached === true && looked.id !== undefined
    const parent: ReadonlyArray<Change> =
      isOnOther && one !== undefined && looked !== undefined ? [{ _tag: "Parent" }] : []
    isOnOther ||= looked === undefined || pair.changes.length > 0
    return {
      step: looked?.facts.step ?? null,
      cached: isHere ? (looked.id ?? null) : null,
      earlier: one === undefined ? null : { id: one.id, heading: one.facts.step.heading, made: one.made },
      changes: [...pair.changes, ...parent]
    }
  })
  const name = plan.stages.find((stage) => stage.label === label)?.name ?? null
  return { label, name, isNeeded: needed.has(label) || steps.some(({ changes }) => changes.length > 0), steps }
}

/** A result and what it is built on, from its base on. What nobody knows the making of is left out. */
const chain = (store: StoreService, id: StepId): Effect.Effect<ReadonlyArray<Before>, StoreError> =>
  Effect.gen(function* () {
    const found: Array<Before> = []
    for (let next: StepId | undefined = id; next !== undefined;) {
      const known: StepId = next
      const info = yield* store.result(known)
      if (Option.isNone(info)) break
      const earlier = Option.getOrUndefined(yield* Earlier.read(store, known))
      if (earlier !== undefined) {
        const facts = yield* Earlier.withFiles(store, earlier)
        found.push({ facts, id: known, made: earlier.begun, from: earlier.from })
      }
      next = Option.getOrUndefined(info.value.parent)
    }
    return found.reverse()
  })
