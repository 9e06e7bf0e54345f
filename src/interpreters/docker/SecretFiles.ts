/**
 * A step's secrets, as files of the host that the engine mounts: not in the
 * image, nor in what the engine keeps of a container but for their paths.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { deadIn, isAbandoned, isDead, namesIn, take } from "../host/Owners.ts"
import type { Command, SandboxError } from "../Sandbox.ts"
import { sandboxError } from "../sandbox/Failure.ts"

export interface SecretMount {
  /** On the host. */
  readonly source: string
  readonly target: string
}

/** In memory, where there is such a place. */
const directory = (): string => {
  const user = process.geteuid?.() ?? 0
  const place = ["/dev/shm", "/run"].find((path) => process.platform === "linux" && isWritable(path)) ?? tmpdir()
  return `${place}/obuilder-docker-${user}`
}

const isWritable = (path: string): boolean => {
  try {
    Fs.accessSync(path, Fs.constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Files that go when the scope closes, or with the next build where this process is killed. */
export const make = (
  { secrets, user }: Command,
  windows: boolean
): Effect.Effect<ReadonlyArray<SecretMount>, SandboxError, Scope.Scope> =>
  secrets.length === 0
    ? Effect.succeed([])
    : Effect.map(
        Effect.acquireRelease(
          Effect.try({
            try: () => {
              const parent = directory()
              prepare(parent)
              sweep(parent)
              return take(parent, 6)
            },
            catch: (cause) => sandboxError("cannot make a directory for secrets", cause)
          }),
          ({ lock, path }) =>
            Effect.sync(() => {
              Fs.rmSync(path, { recursive: true, force: true })
              Fs.closeSync(lock)
            })
        ),
        ({ path }) =>
          secrets.map(({ content, target }) => {
            // A container of Windows takes directories only, of which the file is the one entry.
            const holder = `${path}/${randomBytes(8).toString("hex")}`
            Fs.mkdirSync(holder, { mode: 0o755 })
            const source = `${holder}/secret`
            Fs.writeFileSync(source, content, { mode: 0o400, flag: "wx" })
            own(source, user)
            return { source: windows ? holder : source, target }
          })
      )

/** Nobody but the step's user reads it; a name is known in the image only, and nobody else gets to the directory. */
const own = (path: string, user: Command["user"]): void => {
  if (user._tag === "Unix" && process.geteuid?.() === 0) Fs.chownSync(path, user.uid, user.gid)
  else Fs.chmodSync(path, 0o444)
}

const prepare = (path: string): void => {
  Fs.mkdirSync(path, { recursive: true, mode: 0o700 })
  const { mode, uid } = Fs.lstatSync(path)
  if (
    uid === (process.geteuid?.() ?? uid) &&
    (mode & 0o077) === 0 &&
    (mode & Fs.constants.S_IFMT) === Fs.constants.S_IFDIR
  )
    return
  throw new Error(`${path} is not this user's alone`)
}

/** Removes what dead processes left, as far as that is possible. */
export const reclaim: Effect.Effect<void> = Effect.suspend(() => {
  const parent = directory()
  return deadIn(parent).length === 0 ? Effect.void : Effect.ignore(Effect.try(() => sweep(parent)))
})

const sweep = (parent: string): void => {
  for (const name of namesIn(parent)) {
    const gone = name.startsWith(".") ? isAbandoned(parent, name) : isDead(`${parent}/${name}`)
    if (gone) Fs.rmSync(`${parent}/${name}`, { recursive: true, force: true })
  }
}
