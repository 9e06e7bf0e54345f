/**
 * The life of one container: started, listened to, waited for, and whatever
 * happens, dead and cleared away at the end.
 *
 * The runtime runs detached: it sets up the container, starts its first process
 * and ends, and that process becomes this one's child. So the step's output
 * comes straight from the step, both streams through one pipe and in order,
 * how it ended is known exactly, and no runtime stays in memory meanwhile.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { constants } from "node:os"
import type { Running } from "../host/ChildProcess.ts"
import { ErrnoError } from "../host/Libc.ts"
import * as OutputPipe from "../host/OutputPipe.ts"
import { SPAWN } from "../host/PosixSpawn.ts"
import { type Overlays, TooManyLayers } from "../host/PrivateMounts.ts"
import { LostProcess, type Orphan } from "../host/Reaper.ts"
import type { WaitStatus } from "../host/Syscalls.ts"
import { type Outcome, SandboxError } from "../Sandbox.ts"
import { sandboxError, startFailure } from "./Failure.ts"
import * as Records from "./Records.ts"
import * as Runtime from "./Runtime.ts"

export interface ContainerOptions {
  readonly runtime: Runtime.Runtime
  readonly id: string
  /** A directory of this container's own, with its `config.json`. */
  readonly bundle: string
  readonly overlays: Overlays
  /** For messages. */
  readonly argv: ReadonlyArray<string>
}

/** How the container's first process ended, after which none of them is alive. */
export interface Ended {
  readonly status: WaitStatus
  readonly outOfMemory: boolean
}

/** The container was not started, and it is the image's or the command's fault. */
export interface NotStarted {
  readonly outcome: Outcome
}

/** How long a runtime may take to set up a container, once nobody wants it any more. */
const START_TIME = Duration.seconds(10)

/** How long a killed process may take to die: as long as the kernel needs to finish what it does for it. */
const DEATH_TIME = Duration.seconds(10)

export const run = <E>(
  options: ContainerOptions,
  output: (chunk: Uint8Array) => Effect.Effect<void, E>
): Effect.Effect<Ended | NotStarted, SandboxError | E> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { runtime, id } = options
      const pipe = yield* OutputPipe.make(runtime.reaper.look)
      const container = yield* launch(options, pipe.writeEnd)
      pipe.closeWriteEnd()

      const started = yield* container.running.ended.pipe(Effect.mapError(lost))
      if (started._tag === "Signaled") {
        return yield* sandboxError(`${runtime.program} was killed by signal ${started.signal}`)
      }
      if (started.status !== 0) {
        const said = messages(options.bundle)
        const why = startFailure(runtime.program, said.length > 0 ? said : yield* everything(pipe), options.argv)
        return why instanceof SandboxError ? yield* why : { outcome: why }
      }

      // What is written until now waits in the pipe: a runtime that fails says so there too, which is not the step's.
      const first = container.first()
      if (first === undefined) {
        return yield* sandboxError(`${runtime.program} does not say which process it has started`)
      }
      const [status] = yield* Effect.all([Effect.tap(first.ended, () => Effect.sync(pipe.finish)), pipe.pump(output)], {
        concurrency: "unbounded"
      }).pipe(Effect.mapError((error) => (error instanceof LostProcess ? lost(error) : error)))
      return { status, outOfMemory: killed(status) && Records.ranOutOfMemory(Records.cgroups(runtime, id)) }
    })
  )

const lost = ({ pid }: LostProcess): SandboxError =>
  sandboxError(`process ${pid} was waited for by another part of this program`)

/** All that the runtime wrote, now that it has ended. */
const everything = (pipe: OutputPipe.OutputPipe): Effect.Effect<ReadonlyArray<string>> =>
  Effect.suspend(() => {
    const chunks: Array<Uint8Array> = []
    pipe.finish()
    return Effect.map(
      pipe.pump((chunk) => Effect.sync(() => chunks.push(chunk))),
      () => {
        const text = Buffer.concat(chunks).toString("utf8").trim()
        return text === "" ? [] : [text]
      }
    )
  })

/** Whether SIGKILL ended the step, or ended a command whose shell then says so by its own status. */
const killed = (status: WaitStatus): boolean =>
  status._tag === "Signaled" ? status.signal === SIGKILL : status.status === 128 + SIGKILL

const { SIGKILL } = constants.signals

export const NO_RUNTIME = "install it with apt-get install runc, or name another OCI runtime with --runtime"

interface Container {
  readonly running: Running
  /** The container's first process; to be asked for only when the runtime has succeeded, and has written its number. */
  readonly first: () => Orphan | undefined
  /** Whether that is known to have ended. */
  readonly isOver: () => boolean
}

const launch = (options: ContainerOptions, output: number): Effect.Effect<Container, SandboxError, Scope.Scope> => {
  const { runtime, id, bundle, overlays } = options
  // Named from the bundle: crun takes what stands before a colon for the kind of log.
  const log = ["--log", LOG, "--log-format", "json"]
  const args = ["run", "--detach", "--pid-file", PID, "--bundle", bundle, id]
  const start = (): Container => {
    const running = Runtime.start(runtime, [...log, ...args], { overlays, output, cwd: bundle })
    let orphan: Orphan | undefined
    return {
      running,
      first: () => {
        const pid = orphan === undefined ? readPid(`${bundle}/${PID}`) : undefined
        if (pid !== undefined) orphan = runtime.reaper.adopt(pid)
        return orphan
      },
      isOver: () => orphan?.isOver() === true
    }
  }
  return Effect.acquireRelease(
    Effect.try({ try: start, catch: (cause) => launchError(runtime.program, cause) }),
    (container) => finish(options, container)
  )
}

const PID = "pid"
const LOG = "log"

/** Nothing but the number of a process: 0 and 1 mean others, and signals sent to them are disasters. */
const readPid = (path: string): number | undefined => {
  try {
    const pid = Number(Fs.readFileSync(path, "utf8"))
    return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined
  } catch {
    return undefined
  }
}

/** What to do about what the kernel says to a mount, by its code. */
const MOUNT_HINTS: ReadonlyMap<string, string> = new Map([
  ["ENODEV", "the kernel has no overlayfs: load it with modprobe overlay"],
  [
    "EINVAL",
    "overlayfs cannot write to some file systems, such as itself and NFS: name a directory on another one with --store"
  ]
])

const launchError = (program: string, cause: unknown): SandboxError => {
  if (cause instanceof ErrnoError && cause.syscall === SPAWN) {
    return sandboxError(`cannot run ${program}`, cause, cause.code === "ENOENT" ? NO_RUNTIME : undefined)
  }
  const what = "cannot mount the step's root file system"
  if (cause instanceof TooManyLayers) return sandboxError(what, cause, "use a store of another kind")
  return sandboxError(what, cause, cause instanceof ErrnoError ? MOUNT_HINTS.get(cause.code) : undefined)
}

/** Sees to it that nothing of the container is left. Never fails, and never takes for ever. */
const finish = (options: ContainerOptions, container: Container): Effect.Effect<void> =>
  Effect.zipRight(
    Effect.suspend(() => (container.isOver() ? Effect.void : stop(container))),
    clear(options)
  )

const stop = ({ running, first }: Container): Effect.Effect<void> =>
  Effect.gen(function* () {
    // Until the runtime is done, what it has started can be found by nobody else.
    const started = yield* running.ended.pipe(Effect.interruptible, Effect.timeout(START_TIME), Effect.option)
    if (Option.isNone(started)) {
      running.kill()
      yield* running.ended.pipe(Effect.interruptible, Effect.timeout(DEATH_TIME), Effect.ignore)
      return
    }
    const process = started.value._tag === "Exited" && started.value.status === 0 ? first() : undefined
    if (process === undefined) return
    process.kill()
    yield* process.ended.pipe(Effect.interruptible, Effect.timeout(DEATH_TIME), Effect.ignore)
  })

const clear = ({ runtime, id, bundle }: ContainerOptions): Effect.Effect<void> =>
  Effect.suspend(() => {
    Runtime.tidy(runtime)
    // The bundle is used again; an empty log can stay.
    Fs.rmSync(`${bundle}/${PID}`, { force: true })
    if ((Fs.statSync(`${bundle}/${LOG}`, { throwIfNoEntry: false })?.size ?? 0) > 0) Fs.unlinkSync(`${bundle}/${LOG}`)
    if (!Fs.existsSync(`${runtime.records}/${id}`)) return Effect.void
    return Records.remove(runtime, id, Records.cgroups(runtime, id)) ? Effect.void : Runtime.destroy(runtime, id)
  })

/** The errors in a runtime's log, oldest first. */
const messages = (bundle: string): ReadonlyArray<string> => {
  let text: string
  try {
    text = Fs.readFileSync(`${bundle}/${LOG}`, "utf8")
  } catch {
    return []
  }
  return text.split("\n").flatMap((line) => {
    try {
      const entry: unknown = JSON.parse(line)
      if (typeof entry !== "object" || entry === null || !("msg" in entry) || typeof entry.msg !== "string") return []
      return "level" in entry && (entry.level === "error" || entry.level === "fatal") ? [entry.msg] : []
    } catch {
      return []
    }
  })
}
