/** What comes before a build: the spec is read, the world looked at, and the plan made. Reads only. */
import * as Effect from "effect/Effect"
import { blame } from "../domain/Blame.ts"
import type { Inputs } from "../domain/Inputs.ts"
import type { SpecError } from "../domain/SpecError.ts"
import * as SpecText from "../domain/SpecText.ts"
import type { BaseImages } from "../interpreters/BaseImages.ts"
import type { HashMemo } from "../interpreters/host/HashMemo.ts"
import * as SourceDirectory from "../interpreters/host/SourceDirectory.ts"
import { observe } from "../interpreters/Observe.ts"
import type { SourceTree } from "../interpreters/SourceTree.ts"
import type { Plan } from "../plan/Plan.ts"
import * as Planner from "../plan/Planner.ts"
import { Host } from "./Host.ts"
import { type UsageError, usageError } from "./UsageError.ts"

export { blame } from "../domain/Blame.ts"

export interface Prepared {
  readonly plan: Plan
  readonly inputs: Inputs
  readonly context: SourceTree
}

/** Plans the spec in a file. Errors point into it wherever it is to blame. */
export const prepare = (options: {
  /** As the user wrote it; `-` is standard input. */
  readonly file: string
  /** Absolute. */
  readonly directory: string
  readonly memo: HashMemo
  /** The store's path, if it has one: it is left out of what is copied. */
  readonly store: string | undefined
}): Effect.Effect<Prepared, UsageError | SpecError, Host | BaseImages> =>
  Effect.gen(function* () {
    const parsed = yield* readSpec(options.file)
    const context = yield* Effect.mapError(
      SourceDirectory.make({ path: options.directory, memo: options.memo, without: options.store }),
      (error) => usageError(`cannot read the source directory ${error.message}`)
    )
    const inputs = yield* Effect.mapError(observe(parsed.spec, context), ({ node, cause }) =>
      blame(parsed, node, cause)
    )
    const plan = yield* Effect.mapError(Planner.plan(parsed.spec, inputs), (error) => blame(parsed, error.node, error))
    return { plan, inputs, context }
  })

/** Reads the spec in a file, as the user wrote its name; `-` is standard input. */
export const readSpec = (name: string): Effect.Effect<SpecText.ParsedSpec, UsageError | SpecError, Host> =>
  Effect.gen(function* () {
    const host = yield* Host
    const file = name === "-" ? "<stdin>" : name
    const bytes = yield* host.read(name, { what: "the spec", stdin: true })
    return yield* Effect.flatMap(SpecText.decodeUtf8(bytes, { file }), (text) => SpecText.parse(text, { file }))
  })
