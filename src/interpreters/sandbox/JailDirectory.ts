/**
 * A process's own directory below `/var/run`, which says of each of its jails
 * what is mounted in it, for whoever has to clear up after the process. Whose it
 * is, a lock says that the kernel drops when the process ends.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { isAbandoned, isDead, makePrivate, namesIn, take } from "../host/Owners.ts"
import { remove as removeDirectory } from "../host/RemoveTree.ts"
import type { SandboxError } from "../Sandbox.ts"
import { sandboxError } from "./Failure.ts"
import type { NullMount } from "./JailRoot.ts"

/** A jail that there may be, and what may be mounted for it. */
export interface JailRecord {
  readonly name: string
  /** In a file, for jail(8). */
  readonly fstab: string | undefined
  /** What is mounted where, in the order in which it is. */
  readonly mounts: ReadonlyArray<string>
}

export interface JailDirectory {
  /** The open lock, for who makes a jail to hold on to: until he is done, nobody takes his jails for abandoned. */
  readonly lock: number
  /** Notes a jail down before it is made, under a name that no other has. */
  readonly note: (root: string, mounts: ReadonlyArray<NullMount>) => JailRecord
  /** To be called when nothing is left of it. */
  readonly forget: (record: JailRecord) => void
}

/** What jails are called. */
const PREFIX = "obuilder-"
const NAME = /^obuilder-\d+-[0-9a-f]{8}-\d+$/
const RANDOM_BYTES = 4
const OWNED = /^\.?\d+-[0-9a-f]{8}$/
const FSTAB = ".fstab"

/**
 * Takes a directory below `parent`, after having `clear` clear away each jail
 * that the dead left; gone when the scope closes. `clear` tells whether nothing is left.
 */
export const acquire = (
  parent: string,
  clear: (record: JailRecord) => Effect.Effect<boolean>
): Effect.Effect<JailDirectory, SandboxError, Scope.Scope> =>
  Effect.gen(function* () {
    const real = yield* attempt(parent, () => makePrivate(parent))
    const names = yield* attempt(real, () => Fs.readdirSync(real))
    yield* Effect.forEach(
      names.filter((name) => OWNED.test(name)),
      (name) => sweep(real, name, clear),
      { discard: true }
    )
    const { lock, path } = yield* Effect.acquireRelease(
      attempt(real, () => take(real, RANDOM_BYTES)),
      ({ lock, path }) => Effect.sync(() => discard(path, lock))
    )
    let count = 0
    return {
      lock,
      note: (root, mounts) => {
        const name = `${PREFIX}${path.slice(path.lastIndexOf("/") + 1)}-${++count}`
        const lines = mounts.map(({ source, target }) => `${source} ${target} nullfs rw,nosuid 0 0\n`)
        const fstab = lines.length === 0 ? undefined : `${path}/${name}${FSTAB}`
        if (fstab !== undefined) Fs.writeFileSync(fstab, lines.join(""), { mode: 0o600 })
        const record = { name, fstab, mounts: [...mounts.map(({ target }) => target), `${root}/dev`] }
        Fs.writeFileSync(`${path}/${name}`, JSON.stringify(record.mounts), { mode: 0o600 })
        return record
      },
      forget: ({ fstab, name }) => {
        Fs.rmSync(`${path}/${name}`, { force: true })
        if (fstab !== undefined) Fs.rmSync(fstab, { force: true })
      }
    }
  })

const attempt = <A>(parent: string, work: () => A): Effect.Effect<A, SandboxError> =>
  Effect.try({
    try: work,
    catch: (cause) => sandboxError(`cannot use ${parent} for what is known of jails`, cause)
  })

/** Clears away a dead process's jails and its directory; one that could not be is left to the next process. */
const sweep = (
  parent: string,
  name: string,
  clear: (record: JailRecord) => Effect.Effect<boolean>
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const path = `${parent}/${name}`
    if (name.startsWith(".") ? !isAbandoned(parent, name) : !isDead(path)) return
    const records = namesIn(path).filter((jail) => NAME.test(jail))
    const cleared = yield* Effect.forEach(records, (jail) =>
      clear({ name: jail, fstab: undefined, mounts: mountsIn(`${path}/${jail}`) })
    )
    if (cleared.every((isCleared) => isCleared)) yield* removeDirectory(path)
  })

/** Nothing where its owner died while he wrote it, before the jail was made. */
const mountsIn = (file: string): ReadonlyArray<string> => {
  try {
    const value: unknown = JSON.parse(Fs.readFileSync(file, "utf8"))
    return Array.isArray(value) ? value.filter((one) => typeof one === "string") : []
  } catch {
    return []
  }
}

/** One with a jail that could not be cleared away keeps its record, for the next process to try. */
const discard = (path: string, lock: number): void => {
  if (!namesIn(path).some((name) => NAME.test(name))) Fs.rmSync(path, { recursive: true, force: true })
  Fs.closeSync(lock)
}
