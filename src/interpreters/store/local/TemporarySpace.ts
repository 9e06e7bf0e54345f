/**
 * A process's own directory in the store, for results in the making.
 *
 * Whose it is, a lock says that the kernel drops when the process ends, however
 * it ends: what a dead process left is removed by the next one that starts,
 * what a live one holds is left alone. No process id is trusted, since they are
 * used again.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { storeError } from "../../host/IoError.ts"
import { isAbandoned, isDead, take } from "../../host/Owners.ts"
import type { StoreError } from "../../Store.ts"
import type { Trees } from "./Trees.ts"

/** In a directory's name, which `Claims.ts` knows. */
const RANDOM_BYTES = 6

/** Takes a directory of one's own below `parent`, after removing those of the dead; gone when the scope closes. */
export const acquire = (
  parent: string,
  { hold = () => undefined, remove }: Pick<Trees, "hold" | "remove">
): Effect.Effect<string, StoreError, Scope.Scope> =>
  sweep(parent, remove).pipe(
    Effect.zipRight(
      Effect.acquireRelease(
        attempt(parent, () => {
          const taken = take(parent, RANDOM_BYTES)
          hold(taken.lock)
          return taken
        }),
        ({ path, lock }) =>
          remove(path).pipe(
            Effect.zipRight(
              Effect.sync(() => {
                hold(undefined)
                Fs.closeSync(lock)
              })
            ),
            // Once more: a dead process's container, which could still write, may have been killed since.
            Effect.zipRight(Effect.ignore(sweep(parent, remove)))
          )
      )
    ),
    Effect.map(({ path }) => path)
  )

const attempt = <A>(parent: string, work: () => A): Effect.Effect<A, StoreError> =>
  Effect.try({
    try: work,
    catch: (error) => storeError(`cannot use the store's temporary space ${parent}`, error)
  })

const sweep = (parent: string, remove: (path: string) => Effect.Effect<void>): Effect.Effect<void, StoreError> =>
  attempt(parent, () =>
    Fs.readdirSync(parent)
      .filter((name) => (name.startsWith(".") ? isAbandoned(parent, name) : isDead(`${parent}/${name}`)))
      .map((name) => `${parent}/${name}`)
  ).pipe(Effect.flatMap(Effect.forEach(remove, { discard: true })))
