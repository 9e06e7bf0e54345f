/** What is asked of an engine, what it answers, and how it can fail. */
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type { StepId } from "../domain/Digest.ts"
import type { Inputs } from "../domain/Inputs.ts"
import type { Plan, Step } from "../plan/Plan.ts"
import type { BaseImageError } from "./BaseImages.ts"
import { sentence } from "./ErrorWords.ts"
import type { BuildEvent } from "./Events.ts"
import type { CommandFailed, SandboxError } from "./Sandbox.ts"
import type { SourceError, SourceTree } from "./SourceTree.ts"
import type { CopyError, StoreError, UnknownId } from "./Store.ts"

/** A step failed; `reason` says how. */
export class StepFailed extends Data.TaggedError("StepFailed")<{
  readonly step: Step
  readonly reason: CommandFailed | CopyError | SourceError
  /** Where it is written, `FILE:LINE:COLUMN`, if somebody knows. */
  readonly at?: string | undefined
}> {
  override get message(): string {
    return sentence(this)
  }
}

/** The plan asks for a secret that was not given. */
export class MissingSecret extends Data.TaggedError("MissingSecret")<{
  readonly id: string
  readonly step: Step
  /** As `StepFailed`. */
  readonly at?: string | undefined
}> {
  override get message(): string {
    return sentence(this)
  }
}

/** A step that was watched is not executed any more, since all builds that wanted it have gone. */
export class StepCancelled extends Data.TaggedError("StepCancelled")<{
  readonly id: StepId
}> {}

export type BuildError = StepFailed | MissingSecret | BaseImageError | SandboxError | StoreError | UnknownId

export interface BuildRequest {
  readonly plan: Plan
  /** What the plan was made from. */
  readonly inputs: Inputs
  /** The source directory. */
  readonly context: SourceTree
  readonly secrets: ReadonlyMap<string, Uint8Array>
  /** How many steps may be executed at the same time. At least 1. */
  readonly jobs: number
  /** Results are deleted, those used longest ago first, before a step is executed with fewer bytes free than this. */
  readonly freeSpace?: number | undefined
  readonly onEvent: (event: BuildEvent) => Effect.Effect<void>
}

export interface BuildResult {
  /** The realised id of the plan's result. */
  readonly id: StepId
}
