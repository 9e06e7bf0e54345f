/**
 * A user's turn: who has it is the only one on the machine that runs something
 * as this user, and mounts something for it, or where Homebrew is. The kernel
 * drops the locks with the process that has them; the next one finds in the
 * user's directory what to undo.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { sha256 } from "../../../domain/Digest.ts"
import { tryLock } from "../../host/Libc.ts"
import type { SandboxError } from "../../Sandbox.ts"
import { sandboxError } from "../Failure.ts"
import { userName, type UserOptions } from "../UserSandbox.ts"

export interface Turn {
  /** The user's directory: root's, and the user may pass through it. */
  readonly path: string
  /** The open file that is locked, of the user. */
  readonly lock: number
}

/** A turn that is still to be had, and the open files to lock for it, in this order. */
interface Place extends Turn {
  readonly locks: ReadonlyArray<number>
}

/** Milliseconds until it looks again whether another process is done. */
const PAUSE = 50

/** Waits for the turn, and has it until the scope closes. */
export const take = (state: string, user: UserOptions): Effect.Effect<Turn, SandboxError, Scope.Scope> =>
  Effect.gen(function* () {
    const place = yield* opened(state, user)
    let isFirst = true
    // Who has one of them waits for none that comes before it.
    for (const lock of place.locks) {
      for (; !tryLock(lock); isFirst = false) {
        if (isFirst) yield* Effect.logInfo(`waiting for another build to be done with a step as ${userName(user.uid)}`)
        yield* Effect.sleep(PAUSE)
      }
    }
    return place
  })

/** Takes the turn if nobody has it; `undefined` where somebody does. */
export const tryTake = (state: string, user: UserOptions): Effect.Effect<Turn | undefined, SandboxError, Scope.Scope> =>
  Effect.map(opened(state, user), (place) => (place.locks.every((lock) => tryLock(lock)) ? place : undefined))

const opened = (state: string, { brewPath, uid }: UserOptions): Effect.Effect<Place, SandboxError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: (): Place => {
        const path = `${ensure(state)}/${uid}`
        ensure(path)
        const lock = Fs.openSync(`${path}/lock`, "a", 0o600)
        return { path, lock, locks: [lock, Fs.openSync(`${state}/brew-${sha256(brewPath).slice(0, 16)}`, "a", 0o600)] }
      },
      catch: (cause) => sandboxError(`cannot use ${state} for the state of steps`, cause)
    }),
    ({ locks }) =>
      Effect.sync(() => {
        for (const lock of locks) Fs.closeSync(lock)
      })
  )

/** Makes a directory that others may pass through; refuses a link, and what others could write to: secrets are kept in it. */
const ensure = (path: string): string => {
  Fs.mkdirSync(path, { recursive: true, mode: 0o711 })
  const stats = Fs.lstatSync(path)
  if (!stats.isDirectory()) throw new Error(`${path} is not a directory of its own but something else; remove it`)
  if (stats.uid !== 0 || (stats.mode & 0o022) !== 0) {
    throw new Error(`${path} must be root's, and nobody else may write to it; remove it`)
  }
  // Whatever the umask.
  if ((stats.mode & 0o7777) !== 0o711) Fs.chmodSync(path, 0o711)
  return path
}
