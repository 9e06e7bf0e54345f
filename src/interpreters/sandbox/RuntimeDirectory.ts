/**
 * A process's own directory below `/run`, for what its containers need: their
 * configurations, the runtime's records of them, and secrets.
 *
 * Only root can look into it. Whose it is, a lock says that the kernel drops
 * when the process ends, however it ends: the next process kills the containers
 * of a dead one and removes its directory. A runtime that is still setting up a
 * container when its owner dies holds the lock too, so that it is not taken for
 * done. No process id is trusted, since they are used again.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { tryLock } from "../host/Libc.ts"
import { isAbandoned, LOCK, makePrivate, namesIn, take } from "../host/Owners.ts"
import { remove } from "../host/RemoveTree.ts"
import { Links } from "../host/PrivateMounts.ts"
import type { SandboxError } from "../Sandbox.ts"
import { sandboxError } from "./Failure.ts"
import { destroy, type Runtime } from "./Runtime.ts"

/** Below a process's directory: which runtime it uses, and the runtime's own records. */
const RUNTIME = "runtime"
const RECORDS = "c"

export interface RuntimeDirectory {
  readonly path: string
  readonly runtime: Runtime
  /** A place for one container, until the scope closes. */
  readonly borrow: Effect.Effect<Workplace, SandboxError, Scope.Scope>
}

/**
 * A directory for one container at a time. It is used again: making and
 * removing its files costs as much as the rest of a short step.
 */
export interface Workplace {
  /** The container's name, unique on the machine. */
  readonly id: string
  readonly path: string
  readonly links: Links
  /** Writes a file, unless it has this content from the last time. */
  readonly keep: (name: string, content: string) => string
}

/** Takes a directory below `parent` after clearing up after the dead; gone when the scope closes. */
export const acquire = (
  parent: string,
  runtime: Omit<Runtime, "records" | "lock">
): Effect.Effect<RuntimeDirectory, SandboxError, Scope.Scope> =>
  Effect.gen(function* () {
    const real = yield* attempt(parent, () => makePrivate(parent))
    const names = yield* attempt(real, () => Fs.readdirSync(real))
    yield* Effect.forEach(names, (name) => sweep(real, name, runtime), { discard: true })
    const { path, lock } = yield* Effect.acquireRelease(
      attempt(real, () =>
        take(real, RANDOM_BYTES, (path) => {
          Fs.writeFileSync(`${path}/${RUNTIME}`, runtime.program)
          Fs.mkdirSync(`${path}/${RECORDS}`, { mode: 0o700 })
        })
      ),
      ({ path, lock }) => Effect.sync(() => discard(path, lock))
    )
    return { path, runtime: { ...runtime, records: `${path}/${RECORDS}`, lock }, borrow: lender(path) }
  })

const lender = (path: string): RuntimeDirectory["borrow"] => {
  const free: Array<Omit<Workplace, "id">> = []
  const prefix = `obuilder-${path.slice(path.lastIndexOf("/") + 1)}`
  let containers = 0
  let workplaces = 0
  return Effect.map(
    Effect.acquireRelease(
      attempt(path, () => free.pop() ?? makeWorkplace(`${path}/${++workplaces}`)),
      (workplace) => Effect.sync(() => free.push(workplace))
    ),
    (workplace) => ({ ...workplace, id: `${prefix}-${++containers}` })
  )
}

const makeWorkplace = (path: string): Omit<Workplace, "id"> => {
  const links = `${path}/links`
  Fs.mkdirSync(links, { recursive: true, mode: 0o700 })
  const kept = new Map<string, string>()
  return {
    path,
    links: new Links(links),
    keep: (name, content) => {
      const file = `${path}/${name}`
      if (kept.get(name) !== content) {
        kept.delete(name)
        Fs.writeFileSync(file, content)
        // Whatever the umask: it may be shown to the step's user.
        Fs.chmodSync(file, 0o644)
        kept.set(name, content)
      }
      return file
    }
  }
}

const attempt = <A>(parent: string, work: () => A): Effect.Effect<A, SandboxError> =>
  Effect.try({
    try: work,
    catch: (cause) => sandboxError(`cannot use ${parent} for the containers' state`, cause)
  })

/** How long a runtime may outlive its owner before it is left to the next process. */
const PATIENCE_MS = 5_000
const LOOK_MS = 10

/** Clears away a directory if its owner is dead. */
const sweep = (parent: string, name: string, runtime: Omit<Runtime, "records" | "lock">): Effect.Effect<void> =>
  Effect.gen(function* () {
    const path = `${parent}/${name}`
    if (name.startsWith(".") && !isAbandoned(parent, name)) return
    const lock = openLock(path)
    if (lock === undefined) {
      // Its owner, or another process's sweep, is removing it, or was killed doing so; or it is none of ours.
      if (OWNED.test(name) && isAbandoned(parent, name)) yield* remove(path)
      return
    }
    for (let waited = 0; !tryLock(lock); waited += LOOK_MS) {
      // The number is no proof of life, but without one it is worth waiting.
      if (waited >= PATIENCE_MS || Fs.existsSync(`/proc/${Number.parseInt(name, 10)}`)) return Fs.closeSync(lock)
      yield* Effect.sleep(LOOK_MS)
    }
    yield* clear(path, lock, runtime)
  })

/** In a directory's name, which container names begin with. */
const RANDOM_BYTES = 4
const OWNED = /^\.?\d+-[0-9a-f]{8}$/

const openLock = (path: string): number | undefined => {
  try {
    return Fs.openSync(`${path}/${LOCK}`, "r")
  } catch {
    return undefined
  }
}

/** Kills a dead process's containers, with the runtime that it used if that is still there. */
const clear = (path: string, lock: number, runtime: Omit<Runtime, "records" | "lock">): Effect.Effect<void> =>
  Effect.gen(function* () {
    const records = `${path}/${RECORDS}`
    const program = readOr(`${path}/${RUNTIME}`, runtime.program)
    for (const id of namesIn(records)) {
      yield* destroy({ ...runtime, program: Fs.existsSync(program) ? program : runtime.program, records, lock }, id)
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

const discard = (path: string, lock: number): void => {
  try {
    Fs.rmSync(path, { recursive: true, force: true })
  } catch {
    // Left to the next process, which can take the lock then.
  }
  Fs.closeSync(lock)
}
