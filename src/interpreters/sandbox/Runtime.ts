/**
 * An OCI runtime, by its command line: `runc`, or another that takes the same
 * arguments (crun, youki). https://github.com/opencontainers/runtime-tools
 * describes what they share.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { basename } from "node:path"
import * as ChildProcess from "../host/ChildProcess.ts"
import * as PrivateMounts from "../host/PrivateMounts.ts"
import type { Reaper } from "../host/Reaper.ts"

export interface Runtime {
  /** The program's absolute path. */
  readonly program: string
  /** Mount points of the host that the runtime is not to see. */
  readonly hidden: ReadonlyArray<string>
  /** Where it keeps its records of containers: `--root`. */
  readonly records: string
  /** The open lock of the records' owner, for the runtime to hold on to while it runs. */
  readonly lock: number
  /** What waits for it, and for the containers that it starts. */
  readonly reaper: Reaper
}

/** Beside its records; what else it may find in this process's environment is not for it. */
const environment = (): Readonly<Record<string, string>> => ({
  PATH: process.env["PATH"] ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
})

export interface StartOptions {
  /** Mounted where only the runtime and the container see them. */
  readonly overlays?: PrivateMounts.Overlays
  /** A file descriptor for what it writes. */
  readonly output?: number
  /** Its working directory. */
  readonly cwd?: string
}

/** Starts the runtime. Throws what mounting, and what starting a program, throws. */
export const start = (
  { program, hidden, records, lock, reaper }: Runtime,
  args: ReadonlyArray<string>,
  { overlays, ...options }: StartOptions = {}
): ChildProcess.Running =>
  PrivateMounts.within({ overlays, hidden }, () =>
    ChildProcess.spawn(reaper, program, ["--root", records, ...args], {
      ...options,
      environment: environment(),
      held: lock
    })
  )

/** In hybrid mode the unified hierarchy is beside the old ones, and has no controller. */
const UNIFIED = "/sys/fs/cgroup/unified"

/** crun refuses to run with it, and nobody needs it. runc copes, and hiding a mount takes the kernel a millisecond. */
export const hiddenMounts = (program: string): ReadonlyArray<string> =>
  !isRunc(program) && Fs.existsSync(`${UNIFIED}/cgroup.procs`) ? [UNIFIED] : []

/** Reaps what a runtime leaves behind: crun a process that ends a little later than itself, runc nothing. */
export const tidy = ({ program, reaper }: Runtime): void => {
  if (!isRunc(program)) reaper.tidy(basename(program))
}

const isRunc = (program: string): boolean => basename(program) === "runc"

/** A runtime that has not destroyed a container by then never will. */
const DESTROY_TIME = Duration.seconds(15)

/** Kills a container, if there is one of this name, and removes all that the runtime has of it. Never fails. */
export const destroy = (runtime: Runtime, id: string): Effect.Effect<void> =>
  Effect.acquireUseRelease(
    Effect.try(() => start(runtime, ["delete", "--force", id])),
    ({ ended }) => ended.pipe(Effect.interruptible, Effect.timeout(DESTROY_TIME)),
    ({ kill }) => Effect.sync(kill)
  ).pipe(Effect.ignore)
