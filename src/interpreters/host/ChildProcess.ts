/**
 * Programs that are run to their end.
 *
 * What neither Node's own child processes nor `@effect/platform`'s commands
 * have and this has: it is quick (see `PosixSpawn.ts`), standard output and
 * error may share one real pipe, standard input is empty, and a program whose
 * effect is interrupted is killed.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { resolve } from "node:path"
import { spawn as spawnProcess, type SpawnOptions } from "./PosixSpawn.ts"
import type { LostProcess, Reaper } from "./Reaper.ts"
import type { WaitStatus } from "./Syscalls.ts"

export type { SpawnOptions } from "./PosixSpawn.ts"

/** A program could not be started. `code` is Node's, e.g. `ENOENT`. */
export class SpawnError extends Data.TaggedError("SpawnError")<{
  readonly program: string
  readonly code: string | undefined
  readonly message: string
  readonly cause: unknown
}> {}

export interface Running {
  readonly ended: Effect.Effect<WaitStatus, LostProcess>
  /** Ends it and those of its descendants that are still in its process group. */
  readonly kill: () => void
}

/**
 * Starts a program, named by its absolute path, in a session of its own, so
 * that a terminal's ctrl-C does not reach it. Nobody ends it but itself or
 * `kill`. Synchronous; throws what cannot be started.
 */
export const spawn = (reaper: Reaper, program: string, args: ReadonlyArray<string>, options: SpawnOptions): Running => {
  const pid = spawnProcess(program, args, options)
  const { ended, isOver } = reaper.adopt(pid)
  return {
    ended,
    kill: () => {
      if (isOver()) return
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
  reaper: Reaper,
  program: string,
  args: ReadonlyArray<string>,
  options: SpawnOptions
): Effect.Effect<WaitStatus, SpawnError | LostProcess> =>
  Effect.acquireUseRelease(
    Effect.try({ try: () => spawn(reaper, program, args, options), catch: (cause) => spawnError(program, cause) }),
    ({ ended }) => ended,
    ({ kill }) => Effect.sync(kill)
  )

export const spawnError = (program: string, cause: unknown): SpawnError => {
  const { code, message } = cause as NodeJS.ErrnoException
  return new SpawnError({ program, code, message, cause })
}

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
