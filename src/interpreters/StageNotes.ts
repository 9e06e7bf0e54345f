/** What a build notes beside results: see `Notes.ts`. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { StepId } from "../domain/Digest.ts"
import type { Manifest } from "../domain/Manifest.ts"
import * as ManifestNote from "../domain/ManifestNote.ts"
import type { BaseStep, Stage, Step } from "../plan/Plan.ts"
import type { BaseImagesService } from "./BaseImages.ts"
import * as Notes from "./Notes.ts"
import type { StoreError, StoreService, Workspace } from "./Store.ts"

/** What makes a result that is no base. */
export const step = (
  workspace: Workspace,
  step: Step,
  copied: Notes.Recipe["copied"]
): Effect.Effect<void, StoreError> =>
  Effect.flatMap(Clock.currentTimeMillis, (begun) =>
    workspace.note("recipe", Notes.text("recipe", { version: 1, step, begun, base: null, copied }))
  )

/** What a copy copies, unless that is too much to be of use. */
export const copied = (workspace: Workspace, items: ReadonlyArray<Manifest>): Effect.Effect<void, StoreError> =>
  Effect.suspend(() => {
    const kept = ManifestNote.keep(items)
    return kept === undefined
      ? Effect.void
      : workspace.note("manifest", Notes.text("manifest", { version: 1, items: kept }))
  })

/** What makes a base, and what its unpacking told. */
export const base = <E>(
  workspace: Workspace,
  step: BaseStep,
  unpack: Effect.Effect<Notes.BaseOrigin, E>
): Effect.Effect<void, E | StoreError> =>
  Effect.gen(function* () {
    const begun = yield* Clock.currentTimeMillis
    const base = yield* unpack
    yield* workspace.note("recipe", Notes.text("recipe", { version: 1, step, begun, base, copied: null }))
  })

/**
 * How a stage's result is to be run, and where its base is: that is in no step's
 * id, and need not be what it was the last time. `first` is the stage's first step.
 */
export const stage = (
  { images, store }: { readonly images: BaseImagesService; readonly store: StoreService },
  { result, settings }: Stage,
  first: Step | undefined,
  id: StepId
): Effect.Effect<void> => {
  const base = first?.kind === "base" ? { reference: first.reference, directory: images.directory } : null
  const text = Notes.text("settings", { version: 1, planned: result, settings, base })
  return store.note(id, "settings").pipe(
    Effect.flatMap((known) => (Option.contains(known, text) ? Effect.void : store.annotate(id, "settings", text))),
    // A store that cannot be written to is as good to build from.
    Effect.catchAll(({ message }) =>
      Effect.logWarning(`an image of ${id} may be run otherwise than this spec says: ${message}`)
    )
  )
}
