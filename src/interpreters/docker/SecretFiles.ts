/**
 * A step's secrets, as files of the host that the engine mounts: not in the
 * image, nor in what the engine keeps of a container but for their paths.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import { namesIn, isAbandoned, isDead, take } from "../host/Owners.ts"
import type { Command, SandboxError } from "../Sandbox.ts"
import { sandboxError } from "../sandbox/Failure.ts"
import { secretsDirectory } from "./SecretsDirectory.ts"

export interface SecretMount {
  /** On the host. */
  readonly source: string
  readonly target: string
}

/** Files that go when the scope closes, or with the next step that has secrets where this process is killed. */
export const make = ({
  secrets,
  user
}: Command): Effect.Effect<ReadonlyArray<SecretMount>, SandboxError, Scope.Scope> =>
  secrets.length === 0
    ? Effect.succeed([])
    : Effect.flatMap(
        Effect.acquireRelease(
          attempt(() => {
            const parent = secretsDirectory()
            prepare(parent)
            sweep(parent)
            return take(parent, 6)
          }),
          ({ lock, path }) =>
            Effect.sync(() => {
              Fs.rmSync(path, { recursive: true, force: true })
              Fs.closeSync(lock)
            })
        ),
        ({ path }) =>
          attempt(() =>
            secrets.map(({ content, target }) => {
              const source = `${path}/${randomBytes(8).toString("hex")}`
              Fs.writeFileSync(source, content, { mode: 0o400, flag: "wx" })
              own(source, user)
              return { source, target }
            })
          )
      )

const attempt = <A>(body: () => A): Effect.Effect<A, SandboxError> =>
  Effect.try({
    try: body,
    catch: (cause) => sandboxError("cannot put a step's secrets where they can be mounted", cause)
  })

/** Removes what killed processes left. */
export const reclaim: Effect.Effect<void> = Effect.ignore(
  attempt(() => {
    prepare(secretsDirectory())
    sweep(secretsDirectory())
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

/** What dead processes left. */
const sweep = (parent: string): void => {
  for (const name of namesIn(parent)) {
    const gone = name.startsWith(".") ? isAbandoned(parent, name) : isDead(`${parent}/${name}`)
    if (gone) Fs.rmSync(`${parent}/${name}`, { recursive: true, force: true })
  }
}
