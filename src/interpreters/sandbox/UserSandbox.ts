/**
 * A `Sandbox` that runs every command as a user of its own, on macOS, as root.
 *
 * What a step sees is the host, but for two directories: the user's home and the
 * prefix of Homebrew are those of the step's root file system, which has to be a
 * dataset of ZFS with the datasets `home` and `brew` in it. They are mounted for
 * the time of a run where they belong, so there is one run at a time for each
 * user, whatever processes there are: see `user/Turn.ts`.
 *
 * Steps have the machine's network and host name, and no user but this one.
 *
 * Nothing is made, looked for or loaded before the first command.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Shared from "../Shared.ts"
import { Sandbox, type SandboxError, type SandboxService } from "../Sandbox.ts"

export interface UserOptions {
  /** The user's number, from 500 on. The user is called `macUID`, and made when it is missing. */
  readonly uid: number
  /** Where Homebrew is: an absolute path without links, of two names at least. */
  readonly brewPath: string
  /** Where the users' locks, secrets and what is mounted for them are kept; `/var/run/obuilder` when it is left out. */
  readonly stateDirectory?: string | undefined
}

/** The file systems that a root file system is made of, as names of directories at its root. */
export const HOME = "home"
export const BREW = "brew"
export const PARTS: ReadonlyArray<string> = [HOME, BREW]

/** What the user of a number is called. */
export const userName = (uid: number): string => `mac${uid}`

/** The group of all such users, whether there is one of this number or not: bases made for OBuilder have files of it. */
export const GID = 1000

/** Where the user's home is mounted. */
export const homeOf = (uid: number): string => `/Users/${userName(uid)}`

const STATE = "/var/run/obuilder"

/** The sandbox, for as long as the scope is open. */
export const make = (options: UserOptions): Effect.Effect<SandboxService, SandboxError, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const directory = `${options.stateDirectory ?? STATE}/${options.uid}`
    const machine = Shared.make(
      Effect.flatMap(
        Effect.promise(() => import("./user/Machine.ts")),
        ({ open }) => open(options, options.stateDirectory ?? STATE)
      ),
      scope
    )
    return {
      run: (command, rootfs, output) => Effect.flatMap(machine, ({ run }) => run(command, rootfs, output)),
      reclaim: Effect.suspend(() =>
        Fs.existsSync(`${directory}/${RUN}`)
          ? Effect.ignore(Effect.flatMap(machine, ({ reclaim }) => reclaim))
          : Effect.void
      )
    }
  })

/** In a user's directory while a command runs, or if one was left to itself. */
export const RUN = "run"

export const layer = (options: UserOptions): Layer.Layer<Sandbox, SandboxError> => Layer.scoped(Sandbox, make(options))
