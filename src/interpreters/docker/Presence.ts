/**
 * Which finished trees an engine still has. Somebody else may have removed some,
 * and to ask takes milliseconds each. So who goes through a chain of results says
 * so beforehand, and those are asked for at once, and no others. Where nobody
 * answers, everything is taken to be there.
 */
import * as Effect from "effect/Effect"
import { attempt, type ImageProblem } from "../base/ImageProblem.ts"
import { ELSEWHERE, type Workshop } from "./Workshop.ts"

/** So many are asked for one by one before all are listed. */
const FEW = 8

/** For more than these it is worth to ask what image store the engine has. */
const MANY = 16

/** Names in one question, which are part of its address. */
const LISTED = 100

/** Questions that are open at a time. */
const AT_ONCE = 8

export class Presence {
  private readonly workshop: Workshop
  /** Those that the engine has said that it has, or that were made by this process. */
  private readonly seen = new Set<string>()
  private asked = 0

  constructor(workshop: Workshop) {
    this.workshop = workshop
  }

  add(name: string): void {
    this.seen.add(name)
  }

  /** Whether there is a tree of this name. Fails only where the engine is another one. */
  of(name: string): Effect.Effect<boolean, ImageProblem> {
    if (this.seen.has(name)) return Effect.succeed(true)
    return this.asking(async (signal) => {
      if (++this.asked === FEW) for (const one of await this.workshop.finished(signal)) this.seen.add(one)
      if (!this.seen.has(name) && (await this.workshop.has(name, signal))) this.seen.add(name)
      return this.seen.has(name)
    }, true)
  }

  /** Trees of these names are about to be asked for. */
  foresee(names: ReadonlyArray<string>): Effect.Effect<void, ImageProblem> {
    const others = names.filter((name) => !this.seen.has(name))
    if (others.length === 0) return Effect.void
    return this.asking((signal) => this.ask(others, signal), undefined)
  }

  /**
   * Docker's own image store lists many faster than it tells of each. That of
   * containerd takes longer for each of a list, and answers several questions
   * at a time.
   */
  private async ask(names: ReadonlyArray<string>, signal: AbortSignal): Promise<void> {
    if (names.length > MANY && (await this.workshop.takesLayersByName(signal))) {
      for (let at = 0; at < names.length; at += LISTED) {
        for (const one of await this.workshop.finished(signal, names.slice(at, at + LISTED))) this.seen.add(one)
      }
      return
    }
    const waiting = names.values()
    const next = async (): Promise<void> => {
      for (const name of waiting) if (await this.workshop.has(name, signal)) this.seen.add(name)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, next))
  }

  private asking<A>(body: (signal: AbortSignal) => Promise<A>, otherwise: NoInfer<A>): Effect.Effect<A, ImageProblem> {
    return Effect.catchAll(attempt("cannot ask the Docker engine", body), (problem) =>
      problem.cause === ELSEWHERE ? Effect.fail(problem) : Effect.succeed(otherwise)
    )
  }
}
