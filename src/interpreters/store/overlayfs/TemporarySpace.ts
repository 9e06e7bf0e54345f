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
import type { StoreError } from "../../Store.ts"

const LOCK = "lock"

/** Takes a directory of one's own below `parent`, after removing those of the dead; gone when the scope closes. */
export const acquire = (parent: string): Effect.Effect<string, StoreError, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.try({
        try: () => {
          sweep(parent)
          return take(parent)
        },
        catch: (error) => storeError(`cannot use the store's temporary space ${parent}`, error)
      }),
      ({ path, lock }) =>
        Effect.sync(() => {
          remove(path)
          Fs.closeSync(lock)
          // Once more: a dead process's container, which could still write, may have been killed since.
          if (Fs.existsSync(parent)) sweep(parent)
        })
    ),
    ({ path }) => path
  )

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

/** Hidden directories are taken for abandoned after this time: making one takes no time at all. */
const HIDDEN_MS = 60_000

const sweep = (parent: string): void => {
  for (const name of Fs.readdirSync(parent)) {
    const path = `${parent}/${name}`
    if (name.startsWith(".") ? isOld(path) : isDead(path)) remove(path)
  }
}

/** What cannot be removed now is left to the next sweep: that is no reason not to build. */
const remove = (path: string): void => {
  try {
    Fs.rmSync(path, { recursive: true, force: true })
  } catch {
    // Somebody is still writing to it, or the file system has become read-only.
  }
}

const isOld = (path: string): boolean => {
  const stats = Fs.lstatSync(path, { throwIfNoEntry: false })
  return stats !== undefined && Date.now() - stats.ctimeMs > HIDDEN_MS
}

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
