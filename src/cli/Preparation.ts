/** What comes before a build: the spec is read, the world looked at, and the plan made. Reads only. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { blame } from "../domain/Blame.ts"
import type { Inputs } from "../domain/Inputs.ts"
import type { SpecError } from "../domain/SpecError.ts"
import * as SpecText from "../domain/SpecText.ts"
import { isDockerfile } from "../domain/dockerfile/DockerfileName.ts"
import type { BaseImages } from "../interpreters/BaseImages.ts"
import type { HashMemo } from "../interpreters/host/HashMemo.ts"
import * as SourceDirectory from "../interpreters/host/SourceDirectory.ts"
import { observe } from "../interpreters/Observe.ts"
import type { SourceTree } from "../interpreters/SourceTree.ts"
import type { Plan } from "../plan/Plan.ts"
import { describe } from "../plan/ImportedPlan.ts"
import * as Planner from "../plan/Planner.ts"
import { type DockerfileFlags, readDockerfile } from "./DockerfileReading.ts"
import { Host } from "./Host.ts"
import type { Output, OutputError, PipeClosed } from "./Output.ts"
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
  readonly flags: DockerfileFlags
  readonly quiet: boolean
}): Effect.Effect<Prepared, UsageError | SpecError | PipeClosed | OutputError, Host | Output | BaseImages> =>
  Effect.gen(function* () {
    const text = yield* readText(options.file)
    const imported = isDockerfile(options.file, text)
      ? yield* readDockerfile({ ...options, name: options.file, text, builds: true }, options.flags)
      : undefined
    if (imported === undefined) yield* forDockerfiles(options.flags)
    const parsed = imported ?? (yield* SpecText.parse(text, { file: shown(options.file) }))
    const context = yield* Effect.mapError(
      SourceDirectory.make({ path: options.directory, memo: options.memo, without: options.store }),
      (error) => usageError(`cannot read the source directory ${error.message}`)
    )
    const inputs = yield* Effect.mapError(observe(parsed.spec, context), ({ node, cause }) =>
      blame(parsed, node, cause)
    )
    const plan = yield* Effect.mapError(Planner.plan(parsed.spec, inputs), (error) => blame(parsed, error.node, error))
    return { plan: imported === undefined ? plan : describe(plan, imported.image), inputs, context }
  })

/** What only a Dockerfile takes is a slip of the pen with a spec. */
const forDockerfiles = ({ buildArg, target }: DockerfileFlags): Effect.Effect<void, UsageError> =>
  buildArg.length === 0 && Option.isNone(target)
    ? Effect.void
    : Effect.fail(
        usageError(
          `${buildArg.length === 0 ? "--target" : "--build-arg"} is for Dockerfiles only, and the file is a spec`,
          "Leave it out. A file is a Dockerfile by its name, or if it begins with FROM or ARG."
        )
      )

/** Reads the spec in a file, as the user wrote its name; `-` is standard input. */
export const readSpec = (name: string): Effect.Effect<SpecText.ParsedSpec, UsageError | SpecError, Host> =>
  Effect.flatMap(readText(name), (text) => SpecText.parse(text, { file: shown(name) }))

const readText = (name: string): Effect.Effect<string, UsageError | SpecError, Host> =>
  Effect.gen(function* () {
    const host = yield* Host
    const bytes = yield* host.read(name, { what: "the spec", stdin: true })
    return yield* SpecText.decodeUtf8(bytes, { file: shown(name) })
  })
const shown = (name: string): string => (name === "-" ? "<stdin>" : name)
