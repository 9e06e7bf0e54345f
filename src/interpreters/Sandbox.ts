/**
 * Where a `run` step's command is run.
 *
 * Laws, held by `test/laws/sandbox.ts` for every layer:
 * - When the effect ends, by success, failure or interruption, no process of
 *   the step is alive.
 * - Nothing of the sandbox's own (mount points, secrets, device files) is left
 *   in the root file system.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { Variable } from "../domain/Inputs.ts"
import type { User } from "../domain/Spec.ts"
import type { Rootfs } from "./Rootfs.ts"

/** The sandbox itself could not run the command: something is missing or refused. */
export class SandboxError extends Data.TaggedError("SandboxError")<{
  readonly message: string
  readonly hint: Option.Option<string>
  readonly cause: unknown
}> {}

/** How a command ended that did not succeed. */
export type Outcome =
  | { readonly _tag: "Exit"; readonly status: number }
  | { readonly _tag: "Signal"; readonly signal: string }
  | { readonly _tag: "OutOfMemory" }
  /** The command could not be started in this image: no such shell, no such user. */
  | { readonly _tag: "NotStarted"; readonly reason: string; readonly hint: Option.Option<string> }

/** The command ran and failed. */
export class CommandFailed extends Data.TaggedError("CommandFailed")<{
  readonly argv: ReadonlyArray<string>
  readonly outcome: Outcome
}> {}

export interface Mount {
  /** Absolute path in the image. */
  readonly target: string
  readonly rootfs: Rootfs
}

export interface SecretFile {
  /** Absolute path in the image. */
  readonly target: string
  readonly content: Uint8Array
}

export interface Command {
  readonly argv: ReadonlyArray<string>
  /** Absolute path in the image; created when it is missing. */
  readonly cwd: string
  readonly environment: ReadonlyArray<Variable>
  readonly user: User
  readonly hostname: string
  readonly network: "none" | "host"
  readonly caches: ReadonlyArray<Mount>
  readonly secrets: ReadonlyArray<SecretFile>
}

export interface SandboxService {
  /** Runs a command, giving `output` what it writes to standard output and error, as it comes. */
  readonly run: <E>(
    command: Command,
    rootfs: Rootfs,
    output: (chunk: Uint8Array) => Effect.Effect<void, E>
  ) => Effect.Effect<void, CommandFailed | SandboxError | E>
  /** Ends what dead processes left running, as far as that has not been done yet. Costs nothing where there is nothing. */
  readonly reclaim: Effect.Effect<void>
}

export class Sandbox extends Context.Tag("obuilder/Sandbox")<Sandbox, SandboxService>() {}
