/** What a build tells while it goes on. Every event names the stage it belongs to. */
import type { StepId } from "../domain/Digest.ts"
import type { Change } from "../plan/Change.ts"

export type BuildEvent =
  /** An operation begins: its text as the log shows it. */
  | { readonly _tag: "Heading"; readonly stage: string; readonly text: string }
  /** A piece of a step's output, live or replayed. */
  | { readonly _tag: "Output"; readonly stage: string; readonly chunk: Uint8Array }
  /** The step was in the store: its planned and its realised id. */
  | { readonly _tag: "Cached"; readonly stage: string; readonly planned: StepId; readonly id: StepId }
  /**
   * The store lacks the step's result, and has a similar one: what is other about
   * the step, and since which result, unless that is gone. A stage that comes to
   * the step when another one has executed it is told the same before `Cached`.
   */
  | {
      readonly _tag: "Missed"
      readonly stage: string
      readonly planned: StepId
      readonly earlier: StepId | null
      readonly changes: ReadonlyArray<Change>
    }
  /** The step was executed, here or by another build that this one waited for. */
  | { readonly _tag: "Saved"; readonly stage: string; readonly planned: StepId; readonly id: StepId }
  /** All steps of the stage are done; `id` is the realised id of its result. */
  | { readonly _tag: "StageFinished"; readonly stage: string; readonly name: string | null; readonly id: StepId }
  /** The stage was not run, because all that is copied from it is in the store. */
  | { readonly _tag: "StageSkipped"; readonly stage: string; readonly name: string | null }
