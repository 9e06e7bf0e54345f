/** Drops what the machine's last run may not have written to the disk before it went down. */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import type { StepId } from "../../../domain/Digest.ts"
import * as Cooperate from "../../host/Cooperate.ts"
import type { StoreError } from "../../Store.ts"
import * as Caches from "./Caches.ts"
import type { Layout } from "./Layout.ts"
import type { Parts } from "./Parts.ts"
import type { Results } from "./Results.ts"

/**
 * When the machine has been down since somebody wrote to the store, drops what
 * may not have reached the disk. `space` is the process's temporary directory.
 */
export const beginRun = (
  { durability, failed, holds, layout, results, trees }: Parts,
  space: string
): Effect.Effect<void, StoreError> => {
  if (!durability.isOver()) return Effect.void
  const rubbish = `${space}/rubbish`
  const alone = <A>(work: () => A) =>
    Cooperate.run(
      () => holds.locked("exclusive", work),
      (error) => failed("open", error)
    )
  const drop = () => {
    // Another process may have done it by now.
    if (!durability.isOver()) return 0
    Fs.mkdirSync(rubbish, { mode: 0o700 })
    Caches.dropUnsafe(layout.caches, durability)
    return dropUnsafe(layout, results, rubbish)
  }
  const begin = () => {
    if (durability.isOver()) durability.begin(`${space}/synced`)
  }
  return alone(drop).pipe(
    Effect.tap((dropped) => Effect.when(durability.settle, () => dropped > 0)),
    Effect.zipLeft(alone(begin)),
    Effect.flatMap((dropped) => Effect.when(Effect.logWarning(notice(dropped, layout.root)), () => dropped > 0)),
    Effect.ensuring(trees.remove(rubbish))
  )
}

const notice = (dropped: number, root: string): string => {
  const [what, will] = dropped === 1 ? ["a result", "it is"] : [`${dropped} results`, "they are"]
  return `the machine went down before ${what} in ${root} had surely reached the disk: ${will} made again when needed`
}

/**
 * Moves results that are not to be trusted, and those that are built on such,
 * into `rubbish`, an empty directory. Gives how many there were. Only for who
 * has the store's lock alone.
 */
const dropUnsafe = (layout: Layout, results: Results, rubbish: string): number => {
  const kept = new Map<StepId, boolean>()
  /** Whether a result, and all that it is built on, is whole. */
  const isWhole = (id: StepId): boolean => {
    const trail: Array<StepId> = []
    let whole = true
    for (let one: StepId | undefined = id; one !== undefined && !trail.includes(one); one = results.parent(one)) {
      const known = kept.get(one)
      if (known !== undefined) {
        whole = known
        break
      }
      trail.push(one)
      if (results.get(one) === undefined) {
        whole = false
        break
      }
    }
    for (const one of trail) kept.set(one, whole)
    return whole
  }
  const dropped = results.ids().filter((id) => !isWhole(id))
  for (const id of dropped) {
    Fs.renameSync(layout.result(id), `${rubbish}/${id}`)
    // What was merged of it has the same files, and would be taken for that of the one that is made again.
    if (Fs.existsSync(layout.squash(id))) Fs.renameSync(layout.squash(id), `${rubbish}/${id}-squashed`)
  }
  return dropped.length
}
