/**
 * Why the steps of one stage are not cached. Beside the stage it follows the
 * chain of results that is most like it: what an earlier build of it made. A
 * step is compared with what was made on the result that its predecessor is
 * compared with, so a chain is found by its first link.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { StepId } from "../domain/Digest.ts"
import type { Change } from "../plan/Change.ts"
import { explain, type Facts, ownKey } from "../plan/Explain.ts"
import { ALIKE, repository, similarity } from "../plan/Similarity.ts"
import * as Earlier from "./Earlier.ts"
import type { StoreError, StoreService } from "./Store.ts"

/** Why a step is not cached. */
export interface Miss {
  /** What the step was compared with; null where there was nothing like it. */
  readonly earlier: Earlier.Earlier | null
  /** What is other about it; `New` alone where there was nothing like it. */
  readonly changes: ReadonlyArray<Change>
}

/** A step whose result the store lacks. */
export interface Missing {
  readonly facts: Facts
  /** Its id in the store, where that is known already. */
  readonly id: StepId | undefined
  /** The result that it is to be built on, where that is known already; of a base, `undefined`. */
  readonly parent: StepId | undefined
}

interface Candidate {
  readonly earlier: Earlier.Earlier
  readonly parent: StepId | undefined
}

export class MissTrail {
  private readonly store: StoreService
  private readonly lookup: Earlier.Lookup
  /** How many results may be looked at for one step. */
  private readonly most: number
  /** The keys of steps to come: what is like one of them is that one's, not another's. */
  private readonly later: Map<string, number>
  /** The result that the last step was compared with, or was. */
  private last: StepId | undefined

  constructor(options: {
    readonly store: StoreService
    readonly lookup: Earlier.Lookup
    readonly most: number
    /** The steps that are to be passed, one after the other. */
    readonly steps: ReadonlyArray<Facts>
    /** The result before them, if there is one. */
    readonly last: StepId | undefined
  }) {
    const { steps } = options
    this.store = options.store
    this.lookup = options.lookup
    this.most = options.most
    this.last = options.last
    this.later = new Map()
    for (const facts of steps) {
      const key = ownKey(facts)
      this.later.set(key, (this.later.get(key) ?? 0) + 1)
    }
  }

  /** A step, of those that were given at first, was in the store. */
  hit(facts: Facts, id: StepId): void {
    this.pass(facts)
    this.last = id
  }

  /** The next step is not. None where nothing is known of anything before it. */
  miss(step: Missing): Effect.Effect<Option.Option<Miss>, StoreError> {
    return Effect.gen(this, function* () {
      this.pass(step.facts)
      const parents = this.parents(step)
      if (parents.length === 0) return Option.none()
      const { candidates, isListed } = yield* this.candidates(step, parents)
      // What it would have been built on is there, and was built on in just this way.
      if (isListed) {
        // Or another build has made it, since this one looked.
        if (step.id !== undefined && Option.isSome(yield* this.store.result(step.id))) {
          this.last = step.id
          return Option.none()
        }
        // What was built on it has gone with it.
        this.last = undefined
        return Option.some({ earlier: null, changes: [{ _tag: "Deleted" }] })
      }
      const found = (yield* this.same(step, candidates)) ?? this.alike(step, candidates)
      if (found === undefined) {
        return this.last === undefined ? Option.none() : Option.some({ earlier: null, changes: [{ _tag: "New" }] })
      }
      this.last = found.earlier.id
      const before = yield* Earlier.withFiles(this.store, found.earlier)
      const changes = explain(before, step.facts)
      const isOnOther = found.parent !== step.parent
      return changes.length === 0 && !isOnOther
        ? Option.none()
        : Option.some({
            earlier: found.earlier,
            changes: isOnOther ? [...changes, { _tag: "Parent" }] : changes
          })
    })
  }

  private pass(facts: Facts): void {
    const key = ownKey(facts)
    const left = (this.later.get(key) ?? 0) - 1
    if (left > 0) this.later.set(key, left)
    else this.later.delete(key)
  }

  private parents({ facts, parent }: Missing): ReadonlyArray<StepId | undefined> {
    if (facts.step.kind === "base") return [undefined]
    return [...new Set([parent, this.last])].filter((id) => id !== undefined)
  }

  private candidates(
    { id }: Missing,
    parents: ReadonlyArray<StepId | undefined>
  ): Effect.Effect<{ readonly candidates: ReadonlyArray<Candidate>; readonly isListed: boolean }, StoreError> {
    return Effect.gen(this, function* () {
      const candidates: Array<Candidate> = []
      let [looked, isListed] = [0, false]
      for (const parent of parents) {
        for (const child of yield* this.lookup.children(Option.fromNullable(parent))) {
          if (child === id) isListed = true
          if (isListed || ++looked > this.most) break
          const earlier = yield* this.lookup.earlier(child)
          if (Option.isSome(earlier)) candidates.push({ earlier: earlier.value, parent })
        }
      }
      return { candidates, isListed }
    })
  }

  /** One without a change of its own: among the candidates, or, where steps before it are gone, on top of one of them. */
  private same(
    { facts }: Missing,
    candidates: ReadonlyArray<Candidate>
  ): Effect.Effect<Candidate | undefined, StoreError> {
    return Effect.gen(this, function* () {
      const key = ownKey(facts)
      const isSame = ({ earlier }: Candidate) => ownKey(earlier.facts) === key
      const found = candidates.find(isSame)
      if (found !== undefined || facts.step.kind === "base") return found
      const pending = [...candidates]
      let looked = candidates.length
      for (let one = pending.shift(); one !== undefined; one = pending.shift()) {
        for (const child of yield* this.lookup.children(Option.some(one.earlier.id))) {
          if (++looked > this.most) return undefined
          const earlier = Option.getOrUndefined(yield* this.lookup.earlier(child))
          if (earlier === undefined) continue
          const candidate = { earlier, parent: one.earlier.id }
          if (isSame(candidate)) return candidate
          pending.push(candidate)
        }
      }
      return undefined
    })
  }

  /** The one that is most like it; of several, the newest. */
  private alike({ facts }: Missing, candidates: ReadonlyArray<Candidate>): Candidate | undefined {
    const { step } = facts
    let best: { readonly candidate: Candidate; readonly score: number } | undefined
    for (const candidate of candidates) {
      const other = candidate.earlier.facts
      if (this.later.has(ownKey(other))) continue
      // Another base is another project, unless it is another one of the same name.
      const isForeign =
        step.kind === "base" &&
        other.step.kind === "base" &&
        repository(step.reference) !== repository(other.step.reference)
      const score = isForeign ? 0 : similarity(other, facts)
      if (score >= ALIKE && score > (best?.score ?? 0)) best = { candidate, score }
    }
    return best?.candidate
  }
}
