/** A step that copies from another build of the same plan: what it comes to is only known when that is built. */
import type { CopyStep, Step } from "../plan/Plan.ts"

export type NestedCopy = CopyStep & { readonly source: { readonly from: "build" } }

export const isNestedCopy = (step: Step): step is NestedCopy => step.kind === "copy" && step.source.from === "build"
