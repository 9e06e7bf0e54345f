/** What a build tells of the steps that the store lacks. It never fails, nor holds a build up for long. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { StepId } from "../domain/Digest.ts"
import { type Content, planned } from "../plan/Explain.ts"
import type { Step } from "../plan/Plan.ts"
import * as Earlier from "./Earlier.ts"
import type { BuildEvent } from "./Events.ts"
import { type Miss, MissTrail } from "./MissTrail.ts"
import type { StoreService } from "./Store.ts"

type OnEvent = (event: BuildEvent) => Effect.Effect<void>

type Missed = Extract<BuildEvent, { readonly _tag: "Missed" }>

/** The steps that had to be executed, by their realised ids, and what was told of each, if anything: for all stages of a build. */
export type Told = Map<StepId, Missed | undefined>

/** How many earlier results are looked at for one step. */
const LOOKED_AT = 64

/** Of one stage, from the first step on that is not cached. */
export class Misses {
  private readonly trail: MissTrail
  private readonly told: Told
  private readonly onEvent: OnEvent

  constructor(options: {
    readonly store: StoreService
    readonly told: Told
    readonly onEvent: OnEvent
    readonly steps: ReadonlyArray<Step>
    /** The result before them. */
    readonly last: StepId | undefined
  }) {
    const { last, store } = options
    const steps = options.steps.map((step) => planned(step))
    this.trail = new MissTrail({ store, lookup: earlierThan(store, options.told), most: LOOKED_AT, steps, last })
    this.told = options.told
    this.onEvent = options.onEvent
  }

  /** The next step was there after all. */
  hit(step: Step, id: StepId): void {
    this.trail.hit(planned(step), id)
  }

  /** Tells why the next step has to be executed, where something like it was before. `content` is a copy's. */
  miss(step: Step, parent: StepId | undefined, id: StepId, content: Content | undefined): Effect.Effect<void> {
    return Effect.suspend(() => this.trail.miss({ facts: { step, content }, id, parent })).pipe(
      Effect.catchAllDefect((defect) => Effect.fail({ message: String(defect) })),
      Effect.catchAll(({ message }) =>
        Effect.as(Effect.logDebug(`why ${id} is not cached is not known: ${message}`), Option.none<Miss>())
      ),
      Effect.flatMap((miss) => {
        if (Option.isNone(miss) || isNew(miss.value)) {
          if (!this.told.has(id)) this.told.set(id, undefined)
          return Effect.void
        }
        const { changes, earlier } = miss.value
        const event = {
          _tag: "Missed",
          stage: step.stage,
          planned: step.id,
          earlier: earlier?.id ?? null,
          changes
        } as const
        this.told.set(id, event)
        return this.onEvent(event)
      })
    )
  }
}

/** What the build makes itself is no earlier result: a step is not what its neighbour is. */
const earlierThan = (store: StoreService, told: Told): Earlier.Lookup => {
  const { children, earlier } = Earlier.nearby(store)
  return {
    children: (parent) => Effect.map(children(parent), (ids) => ids.filter((id) => !told.has(id))),
    earlier
  }
}

/** What is done for the first time needs no reason. */
const isNew = ({ changes }: Miss): boolean => changes.every(({ _tag }) => _tag === "New")
