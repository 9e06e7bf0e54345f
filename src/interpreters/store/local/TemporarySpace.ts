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
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import { codeOf, storeError } from "../../host/IoError.ts"
import { tryLock } from "../../host/Libc.ts"
import { isAbandoned } from "../../host/Owners.ts"
import type { StoreError } from "../../Store.ts"

const LOCK = "lock"

/** Takes a directory of one's own below `parent`, after removing those of the dead; gone when the scope closes. */
export const acquire = (
  parent: string,
  remove: (path: string) => Effect.Effect<void>
): Effect.Effect<string, StoreError, Scope.Scope> =>
  sweep(parent, remove).pipe(
    Effect.zipRight(
      Effect.acquireRelease(
        attempt(parent, () => take(parent)),
        ({ path, lock }) =>
          remove(path).pipe(
            Effect.zipRight(Effect.sync(() => Fs.closeSync(lock))),
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

const take = (parent: string): { readonly path: string; readonly lock: number } => {
  const name = `${process.pid}-${randomBytes(6).toString("hex")}`
  // Made under another name: a directory is never seen without its lock taken.
  const hidden = `${parent}/.${name}`
  const path = `${parent}/${name}`
  Fs.mkdirSync(hidden, { mode: 0o700 })
  const lock = Fs.openSync(`${hidden}/${LOCK}`, "wx", 0o600)
  tryLock(lock)
  Fs.renameSync(hidden, path)
  return { path, lock }
}

const sweep = (parent: string, remove: (path: string) => Effect.Effect<void>): Effect.Effect<void, StoreError> =>
  attempt(parent, () =>
    Fs.readdirSync(parent)
      .filter((name) => (name.startsWith(".") ? isAbandoned(parent, name) : isDead(`${parent}/${name}`)))
      .map((name) => `${parent}/${name}`)
  ).pipe(Effect.flatMap(Effect.forEach(remove, { discard: true })))

const isDead = (path: string): boolean => {
  let fd: number
  try {
    fd = Fs.openSync(`${path}/${LOCK}`, "r")
  } catch (error) {
    // Its owner, or another sweep, is removing it.
    return codeOf(error) === "ENOENT"
  }
  try {
    return tryLock(fd)
  } finally {
    Fs.closeSync(fd)
  }
}
