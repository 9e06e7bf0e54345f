/**
 * A `Sandbox` that runs every command in a jail of its own. FreeBSD, as root.
 *
 * Nothing is made, looked for or loaded before the first command.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { deadIn } from "../host/Owners.ts"
import * as Shared from "../Shared.ts"
import { Sandbox, type SandboxError, type SandboxService } from "../Sandbox.ts"

export interface JailOptions {
  /** Where it is kept which jails there are; `/var/run/obuilder-jails`, if it is left out. */
  readonly stateDirectory?: string | undefined
}

const STATE = "/var/run/obuilder-jails"

/** The sandbox, for as long as the scope is open. */
export const make = (options: JailOptions = {}): Effect.Effect<SandboxService, SandboxError, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const directory = options.stateDirectory ?? STATE
    const jails = Shared.make(
      Effect.flatMap(
        Effect.promise(() => import("./Jails.ts")),
        ({ open }) => open(directory)
      ),
      scope
    )
    return {
      run: (command, rootfs, output) => Effect.flatMap(jails, ({ run }) => run(command, rootfs, output)),
      reclaim: Effect.suspend(() => (deadIn(directory).length === 0 ? Effect.void : Effect.ignore(jails)))
    }
  })

export const layer = (options: JailOptions = {}): Layer.Layer<Sandbox, SandboxError> =>
  Layer.scoped(Sandbox, make(options))
