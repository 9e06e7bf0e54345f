/**
 * A `Sandbox` that runs every command in a container of its own, made by an OCI
 * runtime: runc, or another with the same command line. Linux, as root.
 *
 * Nothing is made, looked for or loaded before the first command.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { deadIn } from "../host/Owners.ts"
import * as Shared from "../Shared.ts"
import { Sandbox, type SandboxError, type SandboxService } from "../Sandbox.ts"

export interface OciRuntimeOptions {
  /** The runtime's path, or its name in PATH; `runc` when it is left out. */
  readonly runtime?: string | undefined
  /** Whether calls that wait for the disk succeed without doing anything. */
  readonly fastSync?: boolean | undefined
  /** How much memory a command and what it starts may use, in bytes; no limit when it is left out. */
  readonly memoryLimit?: number | undefined
  /** Where the containers' state is kept; `obuilder` in `/run`, or in `/dev/shm` where `/run` is on a disk. */
  readonly stateDirectory?: string | undefined
}

/** The sandbox, for as long as the scope is open. */
export const make = (options: OciRuntimeOptions = {}): Effect.Effect<SandboxService, SandboxError, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const directory = () => options.stateDirectory ?? `${memoryDirectory()}/obuilder`
    const machine = Shared.make(
      Effect.flatMap(
        Effect.promise(() => import("./Machine.ts")),
        ({ open }) => open(options, directory())
      ),
      scope
    )
    return {
      run: (command, rootfs, output) => Effect.flatMap(machine, ({ run }) => run(command, rootfs, output)),
      reclaim: Effect.suspend(() => (deadIn(directory()).length === 0 ? Effect.void : Effect.ignore(machine)))
    }
  })

export const layer = (options: OciRuntimeOptions = {}): Layer.Layer<Sandbox, SandboxError> =>
  Layer.scoped(Sandbox, make(options))

/** In memory, which is what `/run` is on most machines: secrets are among what is kept there. */
const memoryDirectory = (): string =>
  ["/run", "/dev/shm"].find((path) => Fs.existsSync(path) && Fs.statfsSync(path).type === TMPFS && isFree(path)) ??
  "/run"

/** Whether nobody else, who may make files there, has taken the name. */
const isFree = (path: string): boolean =>
  (Fs.lstatSync(`${path}/obuilder`, { throwIfNoEntry: false })?.uid ?? process.geteuid?.()) === process.geteuid?.()

/** The type of a tmpfs, statfs(2). */
const TMPFS = 0x01021994
