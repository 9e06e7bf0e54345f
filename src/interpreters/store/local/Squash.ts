/**
 * Keeps stacks of layers short. The kernel allows 500 of them, and the mount's
 * option string, a page long, fewer; a stack that has grown to {@link MAX_LAYERS}
 * gets all but its base merged into one, by hard links, before the next step is
 * built on it. The merged layer is shared by whatever is built on that result.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import type { StepId } from "../../../domain/Digest.ts"
import * as Cooperate from "../../host/Cooperate.ts"
import { storeError } from "../../host/IoError.ts"
import { mergeLayers } from "../../host/MergeLayers.ts"
import { remove } from "../../host/RemoveTree.ts"
import type { StoreError } from "../../Store.ts"
import { LAYER, type Layout } from "./Layout.ts"
import { type Meta, move } from "./Results.ts"

export const MAX_LAYERS = 48

/** The layers to build on, for a child of a result. `temporary` gives a path for the merging, on the same file system. */
export const shorten = (
  layout: Layout,
  { id, meta }: { readonly id: StepId; readonly meta: Meta },
  temporary: Effect.Effect<string, StoreError>
): Effect.Effect<ReadonlyArray<string>, StoreError> => {
  const base = meta.layers.at(-1)
  if (meta.layers.length < MAX_LAYERS || base === undefined) return Effect.succeed(meta.layers)
  const squashed = `squashed/${id}/${LAYER}`
  const target = layout.squash(id)
  const fail = (error: unknown): StoreError => storeError(`cannot merge the layers of ${id}`, error)
  const merge = (scratch: string) =>
    Cooperate.run(function* () {
      if (Fs.existsSync(target)) return
      Fs.mkdirSync(`${scratch}/${LAYER}`, { recursive: true, mode: 0o700 })
      const layers = meta.layers.slice(0, -1).map((layer) => `${layout.root}/${layer}`)
      yield* mergeLayers(layers, `${scratch}/${LAYER}`, { bottom: false })
      // Where another process has merged the same layers, it was to the same end.
      move(scratch, target)
    }, fail)
  return Effect.flatMap(temporary, (scratch) =>
    merge(scratch).pipe(Effect.ensuring(remove(scratch)), Effect.as([squashed, base]))
  )
}
