/**
 * A `Sandbox` that runs every command in a container of a Docker engine. The
 * root file systems that it knows are those of a Docker store.
 *
 * Nothing is looked for or loaded before the first command.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { Sandbox, SandboxError, type SandboxService } from "../Sandbox.ts"
import * as SecretFiles from "./SecretFiles.ts"

export interface DockerSandboxOptions {
  /** How many processors a command may use at a time; all of them, if it is left out. */
  readonly cpus?: number | undefined
  /** How much memory a command and what it starts may use, in bytes; no limit when it is left out. */
  readonly memory?: number | undefined
  /** Of Windows containers. */
  readonly isolation?: "default" | "process" | "hyperv" | undefined
  /** The engine's network for steps that ask for the host's; `host`, and `nat` for Windows containers, if it is left out. */
  readonly network?: string | undefined
  /** A runtime by the name that the engine has for it. */
  readonly runtime?: string | undefined
}

export const make = (options: DockerSandboxOptions = {}): SandboxService => ({
  run: (command, rootfs, output) =>
    Effect.flatMap(
      Effect.promise(() => import("./ContainerRun.ts")),
      ({ run }) => run(options, command, rootfs, output)
    ),
  // Containers are removed by the store, which knows their names, with what else a dead process left.
  reclaim: SecretFiles.reclaim
})

export const layer = (options: DockerSandboxOptions = {}): Layer.Layer<Sandbox> => Layer.succeed(Sandbox, make(options))

/** What a Docker store did not make, this sandbox cannot run. */
export const strange = (): SandboxError =>
  new SandboxError({
    message: "containers of a Docker engine run on results of a Docker store only",
    hint: Option.some("name a store with --store=docker:PATH"),
    cause: undefined
  })
