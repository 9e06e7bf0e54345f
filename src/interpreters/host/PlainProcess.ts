/**
 * Programs that are run to their end, on systems where `ChildProcess.ts` and
 * `OutputPipe.ts` do not work: by Node's own child processes, which are slower.
 *
 * Standard input is empty. Standard output and error are one stream, in the
 * order in which it was written: Node has no such thing, so a shell makes it.
 */
import * as Effect from "effect/Effect"
import { type ChildProcess, spawn } from "node:child_process"
import { constants } from "node:os"
import { SpawnError } from "./ChildProcess.ts"
import type { WaitStatus } from "./Syscalls.ts"

export interface PlainOptions {
  /** The whole environment. */
  readonly environment: Readonly<Record<string, string>>
  /** A file descriptor that it has open as well, as number 3. */
  readonly held?: number | undefined
}

const SHELL = "/bin/sh"
const MERGED = 'exec "$@" 2>&1'

interface Started {
  readonly child: ChildProcess
  readonly ended: Effect.Effect<WaitStatus, SpawnError>
}

/**
 * Runs a program, named by its absolute path, giving `output` what it writes.
 * It is killed when the effect is interrupted, or its output cannot be taken.
 * `afterwards` is done when it has ended, however that was: it has to end
 * whatever else holds the program's output, which is waited for.
 */
export const run = <E = never>(
  program: string,
  args: ReadonlyArray<string>,
  options: PlainOptions,
  output: (chunk: Uint8Array) => Effect.Effect<void, E>,
  afterwards: Effect.Effect<void> = Effect.void
): Effect.Effect<WaitStatus, SpawnError | E> =>
  Effect.acquireUseRelease(
    Effect.try({ try: () => start(program, args, options), catch: (cause) => failure(program, cause) }),
    ({ child, ended }) =>
      Effect.map(
        Effect.all([Effect.zipLeft(ended, afterwards), pump(child, output)], { concurrency: "unbounded" }),
        ([status]) => status
      ),
    ({ child, ended }) =>
      Effect.sync(() => kill(child)).pipe(
        Effect.flatMap((group) =>
          Effect.zipRight(Effect.ignore(ended), group === undefined ? Effect.void : gone(group))
        ),
        Effect.zipRight(Effect.sync(() => child.stdout?.destroy()))
      )
  )

/** Runs a program, and gives how it ended and all that it wrote. */
export const capture = (
  program: string,
  args: ReadonlyArray<string>,
  options: PlainOptions
): Effect.Effect<{ readonly status: WaitStatus; readonly text: string }, SpawnError> =>
  Effect.suspend(() => {
    const chunks: Array<Uint8Array> = []
    return Effect.map(
      run(program, args, options, (chunk) => Effect.sync(() => void chunks.push(chunk))),
      (status) => ({ status, text: Buffer.concat(chunks).toString("utf8").trim() })
    )
  })

const start = (program: string, args: ReadonlyArray<string>, { environment, held }: PlainOptions): Started => {
  const child = spawn(SHELL, ["-c", MERGED, "sh", program, ...args], {
    env: environment,
    // In a session of its own, so that a terminal's ctrl-C does not reach it.
    detached: true,
    stdio: ["ignore", "pipe", "ignore", ...(held === undefined ? [] : [held])]
  })
  let status: WaitStatus | undefined
  let error: SpawnError | undefined
  child.once("exit", (code, signal) => {
    status =
      code === null
        ? { _tag: "Signaled", signal: constants.signals[signal ?? "SIGKILL"] }
        : { _tag: "Exited", status: code }
  })
  child.once("error", (cause) => {
    error = failure(program, cause)
  })
  const ended: Started["ended"] = Effect.async((resume) => {
    const tell = (): void => {
      if (error !== undefined) resume(Effect.fail(error))
      else if (status !== undefined) resume(Effect.succeed(status))
    }
    child.on("exit", tell)
    child.on("error", tell)
    tell()
    return Effect.sync(() => {
      child.off("exit", tell)
      child.off("error", tell)
    })
  })
  return { child, ended }
}

const failure = (program: string, cause: unknown): SpawnError => {
  const { code, message } = cause as NodeJS.ErrnoException
  return new SpawnError({ program, code, message, cause })
}

/** Ends it, and those of its descendants that are in its process group, whose number it gives if it had not ended. */
const kill = ({ exitCode, pid, signalCode }: ChildProcess): number | undefined => {
  if (pid === undefined || exitCode !== null || signalCode !== null) return undefined
  try {
    process.kill(-pid, "SIGKILL")
    return pid
  } catch {
    // It ended meanwhile.
    return undefined
  }
}

/** How often it is looked whether a group has ended, and milliseconds in between. */
const LOOKS = 200
const PAUSE = 5

/**
 * Waits until nobody is in a process group that was killed: only its leader is a
 * child of this process. Not for ever, since those that nobody waits for stay in it.
 */
const gone = (group: number): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (let look = 0; look < LOOKS && hasGroup(group); look++) yield* Effect.sleep(PAUSE)
  })

const hasGroup = (group: number): boolean => {
  try {
    return process.kill(-group, 0)
  } catch {
    return false
  }
}

/** Hands on what is written, reading no faster than `output` takes it, until all writers have closed it. */
const pump = <E>(
  { stdout }: ChildProcess,
  output: (chunk: Uint8Array) => Effect.Effect<void, E>
): Effect.Effect<void, E> => {
  if (stdout === null) return Effect.void
  let isOver = false
  let wake = (): void => undefined
  const end = (): void => {
    isOver = true
    wake()
  }
  for (const event of ["end", "close", "error"]) stdout.on(event, end)
  stdout.on("readable", () => wake())
  const next: Effect.Effect<Uint8Array | undefined> = Effect.async((resume) => {
    const attempt = (): void => {
      const chunk: unknown = stdout.read()
      if (!(chunk instanceof Uint8Array) && !isOver) return
      wake = () => undefined
      resume(Effect.succeed(chunk instanceof Uint8Array ? chunk : undefined))
    }
    wake = attempt
    attempt()
    return Effect.sync(() => {
      wake = () => undefined
    })
  })
  const loop: Effect.Effect<void, E> = Effect.flatMap(next, (chunk) =>
    chunk === undefined ? Effect.void : Effect.zipRight(output(chunk), loop)
  )
  return loop
}
