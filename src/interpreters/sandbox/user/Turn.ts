/**
 * A user's turn: who has it is the only one on the machine that runs something
 * as this user, and mounts something for it. The kernel drops the lock with the
 * process that has it; the next one finds in the directory what to undo.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { tryLock } from "../../host/Libc.ts"
import type { SandboxError } from "../../Sandbox.ts"
import { sandboxError } from "../Failure.ts"
import { userName } from "../UserSandbox.ts"

export interface Turn {
  /** The user's directory: root's, and the user may pass through it. */
  readonly path: string
  /** The open file that is locked. */
  readonly lock: number
}

/** Milliseconds until it looks again whether another process is done. */
const PAUSE = 50

/** Waits for the turn, and has it until the scope closes. */
export const take = (state: string, uid: number): Effect.Effect<Turn, SandboxError, Scope.Scope> =>
  Effect.gen(function* () {
    const turn = yield* opened(state, uid)
    for (let isFirst = true; !tryLock(turn.lock); isFirst = false) {
      if (isFirst) yield* Effect.logInfo(`waiting for another build to be done with a step as ${userName(uid)}`)
      yield* Effect.sleep(PAUSE)
    }
    return turn
  })

/** Takes the turn if nobody has it; `undefined` where somebody does. */
export const tryTake = (state: string, uid: number): Effect.Effect<Turn | undefined, SandboxError, Scope.Scope> =>
  Effect.map(opened(state, uid), (turn) => (tryLock(turn.lock) ? turn : undefined))

const opened = (state: string, uid: number): Effect.Effect<Turn, SandboxError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: (): Turn => {
        const path = `${ensure(state)}/${uid}`
        ensure(path)
        return { path, lock: Fs.openSync(`${path}/lock`, "a", 0o600) }
      },
      catch: (cause) => sandboxError(`cannot use ${state} for the state of steps`, cause)
    }),
    ({ lock }) => Effect.sync(() => Fs.closeSync(lock))
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
