/**
 * Which finished trees an engine still has. Somebody else may have removed some,
 * and to ask takes milliseconds each; with containerd's image store a list takes
 * as long for each image in it. So who goes through a chain of results says so
 * beforehand, and those are asked for at once, and no others. Where nobody
 * answers, everything is taken to be there.
 */
import * as Effect from "effect/Effect"
import { attempt, type ImageProblem } from "../base/ImageProblem.ts"
import { ELSEWHERE, type Workshop } from "./Workshop.ts"

/** So many are asked for one by one before all are listed. */
const FEW = 8

/** Names in one question, which are part of its address. */
const MANY = 100

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
    return this.asking(async (signal) => {
      for (let at = 0; at < others.length; at += MANY) {
        for (const one of await this.workshop.finished(signal, others.slice(at, at + MANY))) this.seen.add(one)
      }
    }, undefined)
  }

  private asking<A>(body: (signal: AbortSignal) => Promise<A>, otherwise: NoInfer<A>): Effect.Effect<A, ImageProblem> {
    return Effect.catchAll(attempt("cannot ask the Docker engine", body), (problem) =>
      problem.cause === ELSEWHERE ? Effect.fail(problem) : Effect.succeed(otherwise)
    )
  }
}
