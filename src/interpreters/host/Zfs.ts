/**
 * The programs of ZFS, which is OpenZFS or zfs-fuse, and what the kernel, or
 * where that is not Linux `zfs`, says of its mounts.
 *
 * A command is never interrupted, and holds the lock that says that this
 * process lives: whoever cleans up after it would miss what a command makes
 * that goes on without it.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import type * as NodeChildProcess from "node:child_process"
import { createRequire } from "node:module"
import { dirname } from "node:path"
import * as Shared from "../Shared.ts"
import { StoreError } from "../Store.ts"
import * as ChildProcess from "./ChildProcess.ts"
import * as OutputPipe from "./OutputPipe.ts"
import type { PlainOptions } from "./PlainProcess.ts"
import * as Reaper from "./Reaper.ts"
import type { WaitStatus } from "./Syscalls.ts"
import { isLinux } from "./System.ts"

/** There is no `zfs` that could be run. */
export class NoZfs extends Data.TaggedError("NoZfs")<{ readonly message: string }> {}

/** A command failed, and this is what it wrote. */
export class ZfsFailed extends Data.TaggedError("ZfsFailed")<{
  readonly command: string
  readonly message: string
}> {}

export type ZfsError = NoZfs | ZfsFailed

export interface Zfs {
  /** Runs `zfs` with these words; gives what it wrote. */
  readonly run: (...words: ReadonlyArray<string>) => Effect.Effect<string, ZfsError>
  /** The open lock that commands are to hold. */
  lock: number | undefined
}

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

const searchPath = (): string => `${process.env["PATH"] ?? ""}:${DEFAULT_PATH}`

/** Nothing is run, or looked for, before the first command. */
export const make = (scope: Scope.Scope): Zfs => {
  const reaper = Shared.make(Reaper.make, scope)
  // Those who are not root often lack the directories where Debian has it.
  const path = searchPath()
  const zfs: Zfs = {
    lock: undefined,
    run: (...words) =>
      Effect.gen(function* () {
        const program = ChildProcess.find("zfs", path)
        if (program === undefined) return yield* new NoZfs({ message: "there is no program zfs" })
        const options = { environment: { PATH: path, LC_ALL: "C" }, held: zfs.lock }
        return yield* patiently(
          isLinux() ? execute(yield* reaper, program, words, options) : executePlainly(program, words, options)
        )
      }).pipe(Effect.scoped, Effect.uninterruptible)
  }
  return zfs
}

const execute = (
  reaper: Reaper.Reaper,
  program: string,
  words: ReadonlyArray<string>,
  options: ChildProcess.SpawnOptions
): Effect.Effect<string, ZfsError, Scope.Scope> =>
  Effect.gen(function* () {
    const chunks: Array<Uint8Array> = []
    const output = yield* OutputPipe.make(reaper.look)
    const running = yield* Effect.try({
      try: () => ChildProcess.spawn(reaper, program, words, { ...options, output: output.writeEnd }),
      catch: (cause) => new NoZfs({ message: ChildProcess.spawnError(program, cause).message })
    })
    output.closeWriteEnd()
    const keep = output.pump((chunk) => Effect.sync(() => void chunks.push(chunk)))
    const ended = Effect.ensuring(running.ended, Effect.sync(output.finish))
    const [status] = yield* Effect.all([ended, keep], { concurrency: 2 }).pipe(Effect.orDie)
    return yield* answer(words, status, Buffer.concat(chunks).toString("utf8").trim())
  })

/** Where the system is not Linux. */
const executePlainly = (
  program: string,
  words: ReadonlyArray<string>,
  options: PlainOptions
): Effect.Effect<string, ZfsError> =>
  Effect.promise(() => import("./PlainProcess.ts")).pipe(
    Effect.flatMap(({ capture }) => capture(program, words, options)),
    Effect.mapError(({ message }) => new NoZfs({ message })),
    Effect.flatMap(({ status, text }) => answer(words, status, text))
  )

const answer = (words: ReadonlyArray<string>, status: WaitStatus, text: string): Effect.Effect<string, ZfsFailed> =>
  status._tag === "Exited" && status.status === 0
    ? Effect.succeed(text)
    : Effect.fail(new ZfsFailed({ command: words[0] ?? "", message: text === "" ? "it was killed" : text }))

/** How often a command is tried that finds something busy, and milliseconds in between. */
const TRIES = 8
const PAUSE = 25

/** zfs-fuse is done with a mount a little later than the kernel, and calls it busy until then. */
const patiently = <A, R>(command: Effect.Effect<A, ZfsError, R>, tries = TRIES): Effect.Effect<A, ZfsError, R> =>
  Effect.catchIf(
    command,
    ({ message }) => tries > 1 && /\bbusy$/m.test(message),
    () => Effect.zipRight(Effect.sleep(PAUSE), patiently(command, tries - 1))
  )

/** A dataset's name: letters, digits and a few others; no option, no snapshot, no way up. */
export const isDataset = (name: string): boolean =>
  name.length <= MAX_NAME && /^[A-Za-z][\w.:-]*(?:\/[A-Za-z0-9_][\w.:-]*)*$/.test(name)

/** ZFS allows 255; what a store has below it needs some. */
const MAX_NAME = 200

/** What `12.3M` and the like mean, in bytes; zfs-fuse cannot say it exactly. */
export const bytesOf = (text: string): number => {
  const [, number = "0", unit = ""] = /^([0-9.]+)([KMGTP]?)$/.exec(text) ?? []
  return Math.round(Number(number) * 1024 ** " KMGTP".indexOf(unit === "" ? " " : unit))
}

/** Where a file system of ZFS is mounted, in this process's view; `undefined` where it is not. */
export const mountOf = (dataset: string): string | undefined =>
  isLinux() ? mounts().find((one) => one.dataset === dataset)?.path : ask(dataset)?.path

/** The file system of ZFS that is mounted at a path, in this process's view. */
export const mountedAt = (path: string): string | undefined => {
  if (isLinux()) return mountedOnLinux(path)
  // It tells of the file system that a path is in.
  const found = ask(path)
  return found?.path === path && isDataset(found.dataset) ? found.dataset : undefined
}

/** What `zfs` says of a file system, named or by a path in it, that is mounted; it is waited for. */
const ask = (name: string): Mount | undefined => {
  const path = searchPath()
  const program = ChildProcess.find("zfs", path)
  if (program === undefined) return undefined
  // Where nothing of it is needed, nothing of it is loaded.
  const { spawnSync }: typeof NodeChildProcess = createRequire(import.meta.url)("node:child_process")
  const { status, stdout } = spawnSync(program, ["list", "-H", "-o", "name,mounted,mountpoint", name], {
    env: { PATH: path, LC_ALL: "C" },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"]
  })
  const [dataset, mounted, at] = stdout.trim().split("\t")
  return status === 0 && mounted === "yes" && dataset !== undefined && at?.startsWith("/") === true
    ? { dataset, path: at }
    : undefined
}

const mountedOnLinux = (path: string): string | undefined =>
  mounts().findLast((one) => one.path === path && isDataset(one.dataset) && mountOf(one.dataset) === path)?.dataset

interface Mount {
  readonly dataset: string
  readonly path: string
}

const mounts = (): ReadonlyArray<Mount> =>
  Fs.readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .flatMap((line) => {
      // proc(5): fields that may be absent end with a dash.
      const [place = "", from = ""] = line.split(" - ")
      const [, , , within, path = ""] = place.split(" ")
      const [type, source = "", options = ""] = from.split(" ")
      // Others than root may mount what calls itself so; the kernel tells who it was.
      const isZfs = type === "zfs" || (type === "fuse.zfs" && options.split(",").includes("user_id=0"))
      return isZfs && within === "/" ? [{ dataset: unescape(source), path: unescape(path) }] : []
    })

/** What ZFS says of a dataset that is not there, and of one that is there already. */
export const saysMissing = ({ message }: { readonly message: string }): boolean => message.includes("does not exist")
export const saysThere = ({ message }: { readonly message: string }): boolean => message.includes("already exists")

const unescape = (text: string): string =>
  text.replaceAll(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)))

/** Whether something is mounted on a directory, which need not be there. */
export const isMounted = (path: string): boolean => {
  const stats = Fs.lstatSync(path, { throwIfNoEntry: false })
  return stats !== undefined && stats.dev !== Fs.lstatSync(dirname(path)).dev
}

/** A failure of the store's own doing, from one of these programs. */
export const zfsError = (what: string, { _tag, message }: ZfsError): StoreError =>
  new StoreError({
    message: `${what}: ${message.replaceAll("\n", "; ")}`,
    hint: Option.fromNullable(
      _tag === "NoZfs"
        ? "install ZFS (Debian: apt-get install zfsutils-linux), or use a store of another kind, such as overlayfs:PATH"
        : ADVICE.find(([pattern]) => pattern.test(message))?.[1]
    ),
    cause: undefined
  })

const ADVICE: ReadonlyArray<readonly [RegExp, string]> = [
  [/out of space|quota/, "free some space in the pool, or name another one with --store"],
  [/permission denied|must be (?:super-?user|root)/i, "run as root, e.g. with sudo"],
  [/modules? (?:is|are) not loaded|daemon is running/, "load ZFS's module (modprobe zfs), or start zfs-fuse"]
]
