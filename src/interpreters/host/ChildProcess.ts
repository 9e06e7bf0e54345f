/**
 * Programs that are run to their end, over `node:child_process`.
 *
 * What `@effect/platform`'s Command lacks and this needs: file descriptors of
 * one's own as standard streams, standard input that is empty, and SIGKILL for
 * a program whose effect is interrupted.
 */
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import { type ChildProcess, spawn as spawnProcess } from "node:child_process"
import * as Fs from "node:fs"
import { resolve } from "node:path"

/** A program could not be started. `code` is Node's, e.g. `ENOENT`. */
export class SpawnError extends Data.TaggedError("SpawnError")<{
  readonly program: string
  readonly code: string | undefined
  readonly message: string
  readonly cause: unknown
}> {}

/** How a program ended: one of the two is not null. */
export interface Ended {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
}

export interface SpawnOptions {
  readonly cwd?: string
  /** The whole environment; this process's own where it is left out. */
  readonly environment?: Readonly<Record<string, string>>
  /** For standard output and error both; nowhere when it is left out. */
  readonly output?: number | undefined
}

export interface Running {
  /** Undefined where the program could not be started. */
  readonly pid: number | undefined
  readonly ended: Effect.Effect<Ended, SpawnError>
  /** Ends it and those of its descendants that are still in its process group. */
  readonly kill: () => void
}

/**
 * Starts a program, in a session of its own, so that a terminal's ctrl-C does
 * not reach it. Nobody ends it but itself or `kill`. Synchronous.
 */
export const spawn = (program: string, args: ReadonlyArray<string>, options: SpawnOptions = {}): Running => {
  const ended = Deferred.unsafeMake<Ended, SpawnError>(FiberId.none)
  const output = options.output ?? "ignore"
  let child: ChildProcess
  try {
    child = spawnProcess(program, [...args], {
      stdio: ["ignore", output, output],
      detached: true,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.environment === undefined ? {} : { env: options.environment })
    })
  } catch (error) {
    return { pid: undefined, ended: Effect.fail(spawnError(program, error)), kill: () => undefined }
  }
  child.on("error", (error) => Deferred.unsafeDone(ended, Exit.fail(spawnError(program, error))))
  child.on("exit", (status, signal) => Deferred.unsafeDone(ended, Exit.succeed({ status, signal })))
  const { pid } = child
  return {
    pid,
    ended: Deferred.await(ended),
    kill: () => {
      if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return
      try {
        process.kill(-pid, "SIGKILL")
      } catch {
        // It ended meanwhile.
      }
    }
  }
}

/** Runs a program to its end; it is killed when the effect is interrupted. */
export const run = (
  program: string,
  args: ReadonlyArray<string>,
  options: SpawnOptions = {}
): Effect.Effect<Ended, SpawnError> =>
  Effect.acquireUseRelease(
    Effect.sync(() => spawn(program, args, options)),
    ({ ended }) => ended,
    ({ kill }) => Effect.sync(kill)
  )

/** The absolute path of a program: as it is named, or in the directories of PATH. `undefined` where there is none. */
export const find = (program: string, path = process.env["PATH"] ?? ""): string | undefined =>
  program.includes("/")
    ? [resolve(program)].find(isExecutable)
    : path
        .split(":")
        .filter((directory) => directory !== "")
        .map((directory) => resolve(directory, program))
        .find(isExecutable)

const isExecutable = (path: string): boolean => {
  try {
    Fs.accessSync(path, Fs.constants.X_OK)
    return Fs.statSync(path).isFile()
  } catch {
    return false
  }
}

const spawnError = (program: string, cause: unknown): SpawnError => {
  const { code, message } = cause as NodeJS.ErrnoException
  return new SpawnError({ program, code, message, cause })
}
