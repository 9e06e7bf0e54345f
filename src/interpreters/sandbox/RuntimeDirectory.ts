/**
 * A process's own directory below `/run`, for what its containers need: their
 * configurations, the runtime's records of them, and secrets.
 *
 * Only root can look into it. Whose it is, a lock says that the kernel drops
 * when the process ends, however it ends: the next process kills the containers
 * of a dead one and removes its directory. No process id is trusted, since they
 * are used again.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import { tryLock } from "../host/Libc.ts"
import type { SandboxError } from "../Sandbox.ts"
import { sandboxError } from "./Failure.ts"
import { destroy, type Runtime } from "./Runtime.ts"

/** Below a process's directory: what says that it lives, which runtime it uses, and the runtime's own records. */
const LOCK = "lock"
const RUNTIME = "runtime"
const RECORDS = "c"

export interface RuntimeDirectory {
  readonly path: string
  readonly runtime: Runtime
  /** A container's name, unique on the machine, and an empty directory for it. */
  readonly next: () => { readonly id: string; readonly path: string }
}

/** Takes a directory below `parent` after clearing up after the dead; gone when the scope closes. */
export const acquire = (
  parent: string,
  runtime: Omit<Runtime, "records">
): Effect.Effect<RuntimeDirectory, SandboxError, Scope.Scope> =>
  Effect.gen(function* () {
    const dead = yield* attempt(parent, () => {
      ensure(parent)
      return abandoned(parent)
    })
    yield* Effect.forEach(dead, ({ path, lock }) => clear(path, lock, runtime), { discard: true })
    const { path } = yield* Effect.acquireRelease(
      attempt(parent, () => take(parent, runtime.program)),
      ({ path, lock }) => Effect.sync(() => discard(path, lock))
    )
    let count = 0
    return {
      path,
      runtime: { ...runtime, records: `${path}/${RECORDS}` },
      next: () => {
        const name = (++count).toString()
        Fs.mkdirSync(`${path}/${name}`, { mode: 0o700 })
        return { id: `obuilder-${path.slice(path.lastIndexOf("/") + 1)}-${name}`, path: `${path}/${name}` }
      }
    }
  })

const attempt = <A>(parent: string, work: () => A): Effect.Effect<A, SandboxError> =>
  Effect.try({
    try: work,
    catch: (cause) => sandboxError(`cannot use ${parent} for the containers' state`, cause)
  })

/** Makes the parent; one that others could write to is refused, since secrets are kept in it. */
const ensure = (parent: string): void => {
  Fs.mkdirSync(parent, { recursive: true, mode: 0o700 })
  const { uid, mode } = Fs.statSync(parent)
  if (uid !== 0 || (mode & 0o022) !== 0) throw new Error("it must be root's, and nobody else may write to it")
}

const take = (parent: string, program: string): { readonly path: string; readonly lock: number } => {
  const name = `${process.pid}-${randomBytes(4).toString("hex")}`
  // Made under another name: a directory is never seen without its lock taken.
  const hidden = `${parent}/.${name}`
  const path = `${parent}/${name}`
  Fs.mkdirSync(hidden, { mode: 0o700 })
  const lock = Fs.openSync(`${hidden}/${LOCK}`, "wx", 0o600)
  tryLock(lock)
  Fs.writeFileSync(`${hidden}/${RUNTIME}`, program)
  Fs.mkdirSync(`${hidden}/${RECORDS}`, { mode: 0o700 })
  Fs.renameSync(hidden, path)
  return { path, lock }
}

/** Hidden directories are taken for abandoned after this time: making one takes no time at all. */
const HIDDEN_MS = 60_000

/** The directories whose owners are dead, with their locks taken. */
const abandoned = (parent: string): ReadonlyArray<{ readonly path: string; readonly lock: number }> =>
  Fs.readdirSync(parent).flatMap((name) => {
    const path = `${parent}/${name}`
    if (name.startsWith(".") && !isOld(path)) return []
    let lock: number
    try {
      lock = Fs.openSync(`${path}/${LOCK}`, "r")
    } catch {
      // Its owner, or another process's clearing up, is removing it; or it is none of ours.
      return []
    }
    if (tryLock(lock)) return [{ path, lock }]
    Fs.closeSync(lock)
    return []
  })

const isOld = (path: string): boolean => {
  const stats = Fs.lstatSync(path, { throwIfNoEntry: false })
  return stats !== undefined && Date.now() - stats.ctimeMs > HIDDEN_MS
}

/** Kills a dead process's containers, with the runtime that it used if that is still there. */
const clear = (path: string, lock: number, runtime: Omit<Runtime, "records">): Effect.Effect<void> =>
  Effect.gen(function* () {
    const records = `${path}/${RECORDS}`
    const program = readOr(`${path}/${RUNTIME}`, runtime.program)
    for (const id of namesIn(records)) {
      yield* destroy({ ...runtime, program: Fs.existsSync(program) ? program : runtime.program, records }, id)
    }
    // One that could not be killed keeps its record, for the next process to try.
    if (namesIn(records).length === 0) discard(path, lock)
    else Fs.closeSync(lock)
  })

const readOr = (path: string, otherwise: string): string => {
  try {
    return Fs.readFileSync(path, "utf8")
  } catch {
    return otherwise
  }
}

const namesIn = (directory: string): ReadonlyArray<string> => {
  try {
    return Fs.readdirSync(directory)
  } catch {
    return []
  }
}

const discard = (path: string, lock: number): void => {
  try {
    Fs.rmSync(path, { recursive: true, force: true })
  } catch {
    // Left to the next process, which can take the lock then.
  }
  Fs.closeSync(lock)
}
