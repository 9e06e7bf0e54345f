/** What a result is made of, from its base on: what is noted beside it and those that it is built on. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { StepId } from "../../domain/Digest.ts"
import { fromHeading } from "../../domain/SpecText.ts"
import type { BaseStep, Settings } from "../../plan/Plan.ts"
import { type ImageProblem, problem } from "../base/ImageProblem.ts"
import * as Notes from "../Notes.ts"
import type { BaseOrigin, Recipe } from "../Notes.ts"
import { type ResultInfo, type StoreError, type StoreService, UnknownId } from "../Store.ts"

/** A result, and what made it, if that is known. */
export interface Made {
  readonly info: ResultInfo
  readonly recipe: Option.Option<Recipe>
}

/** Where a base's layers may be had. */
export interface Place {
  readonly reference: string
  /** What relative paths in that are relative to. */
  readonly directory: string
}

export interface History {
  /** From the base on. */
  readonly made: ReadonlyArray<Made>
  readonly base: {
    /** With the reference that the last build had for it. */
    readonly step: BaseStep
    readonly origin: BaseOrigin
    /** The best first. */
    readonly places: readonly [Place, ...Array<Place>]
    /** When it was begun to be made, in seconds since 1970. */
    readonly begun: number
  }
  readonly settings: Settings
  /** The planned id of what was built, if that is known. */
  readonly planned: Option.Option<StepId>
}

/** Of a result. */
export const read = (store: StoreService, id: StepId): Effect.Effect<History, StoreError | UnknownId | ImageProblem> =>
  Effect.gen(function* () {
    const [first, ...others] = yield* chain(store, id)
    const usage = yield* Notes.read(store, id, "settings")
    const recipe = Option.getOrUndefined(first?.recipe ?? Option.none())
    if (first === undefined || recipe?.step.kind !== "base" || recipe.base === null) {
      return yield* problem(
        `it is not known what base ${id} was built on`,
        "another version built it, or the machine went down since: delete the base's result (obuilder inspect names it) and build again"
      )
    }
    const original = { reference: recipe.step.reference, directory: recipe.base.directory }
    // One base may have several names: that of the last build is what its user expects to see.
    const named = Option.match(usage, { onNone: () => original, onSome: ({ base }) => base ?? original })
    const { reference } = named
    const step = { ...recipe.step, reference, heading: fromHeading(reference) }
    const base = { info: { ...first.info, heading: step.heading }, recipe: Option.some({ ...recipe, step }) }
    const made = [base, ...others]
    return {
      made,
      base: {
        step,
        origin: recipe.base,
        places: isSame(named, original) ? [original] : [named, original],
        begun: secondsOf(base)
      },
      settings: Option.match(usage, { onNone: () => settingsOf(made), onSome: ({ settings }) => settings }),
      planned: Option.map(usage, ({ planned }) => planned)
    }
  })

const isSame = (a: Place, b: Place): boolean => a.reference === b.reference && a.directory === b.directory

/** When a result was begun to be made, in seconds since 1970; long ago where that is not known. */
export const secondsOf = ({ recipe }: Made): number =>
  Option.match(recipe, { onNone: () => 0, onSome: ({ begun }) => Math.floor(begun / 1000) })

/** The results that one is built on, from the base on, and itself. */
const chain = (store: StoreService, id: StepId): Effect.Effect<ReadonlyArray<Made>, StoreError | UnknownId> =>
  Effect.gen(function* () {
    const found: Array<Made> = []
    for (let next: Option.Option<StepId> = Option.some(id); Option.isSome(next);) {
      const known: Option.Option<ResultInfo> = yield* store.result(next.value)
      if (Option.isNone(known)) return yield* new UnknownId({ id: next.value, candidates: [] })
      const info = known.value
      found.push({ info, recipe: yield* Notes.read(store, info.id, "recipe") })
      next = info.parent
    }
    return found.reverse()
  })

/** The results that others copy from, and those that these are built on, as far as they are there; each once. */
export const nestedIn = (
  store: StoreService,
  made: ReadonlyArray<Made>
): Effect.Effect<ReadonlyArray<Made>, StoreError> =>
  Effect.gen(function* () {
    const found = new Map<StepId, Made>()
    const pending = [...made].reverse()
    for (let one = pending.pop(); one !== undefined; one = pending.pop()) {
      const from = Option.getOrUndefined(one.recipe)?.copied?.from ?? null
      if (from === null || found.has(from)) continue
      const others = yield* Effect.catchTag(chain(store, from), "UnknownId", () => Effect.succeed([]))
      for (const other of others) if (!found.has(other.info.id)) found.set(other.info.id, other)
      pending.push(...others)
    }
    return [...found.values()]
  })

/** How a result in the middle of a spec is to be run: as the last command before it was. */
const settingsOf = (made: ReadonlyArray<Made>): Settings => {
  const steps = made.flatMap(({ recipe }) => Option.toArray(recipe)).map(({ step }) => step)
  const last = steps.findLast((step) => step.kind === "run")
  if (last === undefined) return { environment: [], user: null, workdir: null }
  const { cwd, environment, user } = last
  const isRoot = user._tag === "Unix" && user.uid === 0 && user.gid === 0
  return { environment, user: isRoot ? null : user, workdir: cwd === "/" ? null : cwd }
}
