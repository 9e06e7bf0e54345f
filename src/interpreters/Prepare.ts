/** What comes before a build: the world is looked at, and the plan made. Reads only. */
import * as Effect from "effect/Effect"
import { blameSpec } from "../domain/SpecBlame.ts"
import type { Inputs } from "../domain/Inputs.ts"
import * as SpecBuilder from "../domain/SpecBuilder.ts"
import type { Plan } from "../plan/Plan.ts"
import * as Planner from "../plan/Planner.ts"
import { specOf, type WrongSpec } from "../plan/Planning.ts"
import type { BaseImages } from "./BaseImages.ts"
import type { HashMemo } from "./host/HashMemo.ts"
import * as SourceDirectory from "./host/SourceDirectory.ts"
import { observe } from "./Observe.ts"
import type { SourceError, SourceTree } from "./SourceTree.ts"

/** A plan, and what it was made from. */
export interface Prepared {
  readonly plan: Plan
  readonly inputs: Inputs
  readonly context: SourceTree
}

/** Where copies copy from: a directory, or anything that is like one. */
export type From =
  | {
      /** A path. */
      readonly directory: string
      /** Digests of its files that are known; what is found out is added. To keep it is up to the caller. */
      readonly memo?: HashMemo
      /** Paths that are left out if they are in the directory, as a store that every build changes. An engine adds its own store's. */
      readonly without?: string | ReadonlyArray<string>
      readonly context?: undefined
    }
  | { readonly context: SourceTree; readonly directory?: undefined }

/** A base or a file that cannot be had is said of the operation that asks for it, a missing directory of itself. */
export type PrepareError = WrongSpec | SourceError

/** Plans a spec: built in code, or as text. */
export const prepare = (
  spec: SpecBuilder.Spec | string,
  from: From
): Effect.Effect<Prepared, PrepareError, BaseImages> =>
  Effect.gen(function* () {
    const value = yield* specOf(spec)
    const data = yield* SpecBuilder.make(value)
    const context = yield* sourceOf(from)
    const inputs = yield* Effect.mapError(observe(data, context), ({ cause, node }) => blameSpec(value, node, cause))
    const plan = yield* Effect.mapError(Planner.plan(data, inputs), (error) => blameSpec(value, error.node, error))
    return { plan, inputs, context }
  })

const sourceOf = (from: From): Effect.Effect<SourceTree, SourceError> =>
  from.context === undefined
    ? SourceDirectory.make({
        path: from.directory,
        without: from.without,
        ...(from.memo === undefined ? {} : { memo: from.memo })
      })
    : Effect.succeed(from.context)
