/** What `JailSandbox.ts` loads at the first command: making jails, running commands in them, and removing them. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as ChildProcess from "../host/ChildProcess.ts"
import { NoSuchUser } from "../host/ImageUser.ts"
import * as PlainProcess from "../host/PlainProcess.ts"
import { CommandFailed, type Outcome, SandboxError, type SandboxService } from "../Sandbox.ts"
import type { Rootfs } from "../Rootfs.ts"
import type { Command } from "../Sandbox.ts"
import { notStarted, sandboxError } from "./Failure.ts"
import * as JailCommand from "./JailCommand.ts"
import * as JailDirectory from "./JailDirectory.ts"
import * as JailRoot from "./JailRoot.ts"
import { BadTarget } from "./MountPoints.ts"
import * as Ongoing from "./Ongoing.ts"

/** Where FreeBSD has these programs, whatever PATH is. */
const DEFAULT_PATH = "/sbin:/bin:/usr/sbin:/usr/bin"

const NEEDED = ["jail", "jexec", "umount"] as const

/** The programs by their absolute paths, and what they are run with. */
interface Tools extends Readonly<Record<(typeof NEEDED)[number], string>> {
  readonly options: PlainProcess.PlainOptions
}

/** Finds the programs, and clears away what the dead left. Jails are removed before the scope has closed. */
export const open = (stateDirectory: string): Effect.Effect<Pick<SandboxService, "run">, SandboxError, Scope.Scope> =>
  Effect.gen(function* () {
    if (process.platform !== "freebsd") return yield* sandboxError("there are jails on FreeBSD only")
    if (process.geteuid?.() !== 0) {
      return yield* sandboxError("jails need root", undefined, "run it as root, e.g. with sudo or doas")
    }
    const tools = yield* findTools
    const directory = yield* JailDirectory.acquire(stateDirectory, (record) => clear(tools, record))
    // After the directory, so that it ends what is running before that goes.
    const during = yield* Ongoing.make
    return {
      run: (command, rootfs, output) => during(Effect.scoped(run(tools, directory, command, rootfs, output)))
    }
  })

const findTools: Effect.Effect<Tools, SandboxError> = Effect.gen(function* () {
  const path = `${process.env["PATH"] ?? ""}:${DEFAULT_PATH}`
  const found = new Map<string, string>()
  for (const name of NEEDED) {
    const program = ChildProcess.find(name, path)
    if (program === undefined) return yield* sandboxError(`there is no program ${name}`)
    found.set(name, program)
  }
  const at = (name: (typeof NEEDED)[number]): string => found.get(name) ?? name
  return {
    jail: at("jail"),
    jexec: at("jexec"),
    umount: at("umount"),
    options: { environment: { PATH: path, LC_ALL: "C" } }
  }
})

const run = <E>(
  tools: Tools,
  directory: JailDirectory.JailDirectory,
  command: Command,
  rootfs: Rootfs,
  output: (chunk: Uint8Array) => Effect.Effect<void, E>
): Effect.Effect<void, CommandFailed | SandboxError | E, Scope.Scope> =>
  Effect.gen(function* () {
    const fail = (outcome: Outcome) => new CommandFailed({ argv: command.argv, outcome })
    const root = yield* prepare(command, rootfs)
    if ("outcome" in root) return yield* fail(root.outcome)
    const jail = yield* acquire(tools, directory, command, root)
    const status = yield* PlainProcess.run(
      tools.jexec,
      JailCommand.execute(jail.name, root.account.name, command),
      tools.options,
      output,
      // What the command has left running holds its output.
      jail.remove
    ).pipe(
      Effect.mapError((error) =>
        error instanceof ChildProcess.SpawnError ? sandboxError(`cannot run ${tools.jexec}`, error.cause) : error
      )
    )
    const outcome = JailCommand.outcomeOf(status)
    if (outcome !== undefined) return yield* fail(outcome)
  })

const USER_HINT = "make the user in an earlier step (pw useradd), or name one that is there: (user root)"

/** A root file system that is ready, until the scope closes. */
const prepare = (
  command: Command,
  rootfs: Rootfs
): Effect.Effect<JailRoot.JailRoot | { readonly outcome: Outcome }, SandboxError, Scope.Scope> =>
  Effect.gen(function* () {
    const undo: Array<() => void> = []
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const one of undo.reverse()) attempt(one)
      })
    )
    return yield* Effect.try({
      try: () => JailRoot.prepare(command, rootfs, undo),
      catch: (cause) => cause
    }).pipe(
      Effect.catchAll((cause) => {
        if (cause instanceof NoSuchUser) return Effect.succeed({ outcome: notStarted(cause.message, USER_HINT) })
        if (cause instanceof JailRoot.Unfit) return Effect.succeed({ outcome: notStarted(cause.message, cause.hint) })
        if (cause instanceof BadTarget) return Effect.succeed({ outcome: notStarted(cause.message) })
        return Effect.fail(cause instanceof SandboxError ? cause : sandboxError("cannot prepare the step", cause))
      })
    )
  })

const attempt = (work: () => void): void => {
  try {
    work()
  } catch {
    // The root file system is thrown away, or the step has made something else of it.
  }
}

interface Jail {
  readonly name: string
  /** Ends all that runs in it; nothing, where that is done. */
  readonly remove: Effect.Effect<void>
}

/** A jail, until the scope closes: then there is none, and nothing is mounted for it. */
const acquire = (
  tools: Tools,
  directory: JailDirectory.JailDirectory,
  { hostname, network }: Command,
  { hasIfconfig, mounts, path }: JailRoot.JailRoot
): Effect.Effect<Jail, SandboxError, Scope.Scope> =>
  Effect.gen(function* () {
    const record = yield* Effect.acquireRelease(
      Effect.try({
        try: () => directory.note(path, mounts),
        catch: (cause) => sandboxError("cannot note down a jail", cause)
      }),
      (noted) =>
        Effect.flatMap(clear(tools, noted), (isCleared) =>
          isCleared
            ? Effect.sync(() => directory.forget(noted))
            : Effect.logWarning(`something is left of the jail ${noted.name}: ${noted.mounts.join(", ")}`)
        )
    )
    const { name, fstab } = record
    const made = yield* Effect.uninterruptible(
      capture(
        { options: { ...tools.options, held: directory.lock } },
        tools.jail,
        JailCommand.create({ name, path, hostname, network, fstab, hasIfconfig })
      )
    )
    if (made.isDone) return { name, remove: Effect.asVoid(capture(tools, tools.jail, JailCommand.remove(name))) }
    return yield* sandboxError(
      `cannot make a jail: ${made.text === "" ? "jail(8) says nothing about why" : made.text.replaceAll("\n", "; ")}`,
      undefined,
      Option.getOrUndefined(hintFor(made.text))
    )
  })

const HINTS: ReadonlyArray<readonly [RegExp, string]> = [
  [
    /vnet/i,
    "steps without a network need a kernel with VIMAGE, as GENERIC has; or give them the host's: (network host)"
  ],
  [/not permitted/i, "run as root, and not in a jail that may have none of its own (children.max)"],
  [/nullfs/i, "load nullfs: kldload nullfs"]
]

const hintFor = (text: string): Option.Option<string> =>
  Option.fromNullable(HINTS.find(([pattern]) => pattern.test(text))?.[1])

/** How often, and after how many milliseconds each time, an unmount is tried again that finds something busy. */
const TRIES = 40
const PAUSE = 25

/**
 * Ends all that runs in a jail, if there is such a one, and unmounts what is
 * mounted in it. Tells whether nothing is left. Never fails, and is not interrupted.
 */
const clear = (tools: Tools, { mounts, name }: JailDirectory.JailRecord): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    yield* capture(tools, tools.jail, JailCommand.remove(name))
    let isCleared = true
    // What is mounted in something else goes first.
    for (const path of mounts.toReversed()) isCleared = (yield* unmount(tools, path)) && isCleared
    return isCleared
  }).pipe(Effect.uninterruptible)

/** The processes that were killed may need a moment to let go of it. What is not mounted is as it should be. */
const unmount = (tools: Tools, path: string, tries = TRIES): Effect.Effect<boolean> => {
  // A step may have put a link in the way of what is not mounted any more.
  if (leadsThroughLinks(path)) return Effect.succeed(true)
  return Effect.flatMap(capture(tools, tools.umount, tries > 1 ? [path] : ["-f", path]), ({ isDone, text }) => {
    if (isDone || !/busy/i.test(text)) return Effect.succeed(true)
    return tries > 1 ? Effect.zipRight(Effect.sleep(PAUSE), unmount(tools, path, tries - 1)) : Effect.succeed(false)
  })
}

/** Otherwise `umount` would follow it, and release something of the host's. */
const leadsThroughLinks = (path: string): boolean => {
  try {
    return Fs.realpathSync(path) !== path
  } catch {
    return true
  }
}

const capture = (
  { options }: Pick<Tools, "options">,
  program: string,
  args: ReadonlyArray<string>
): Effect.Effect<{ readonly isDone: boolean; readonly text: string }> =>
  PlainProcess.capture(program, args, options).pipe(
    Effect.map(({ status, text }) => ({ isDone: status._tag === "Exited" && status.status === 0, text })),
    Effect.catchAll(({ message }) => Effect.succeed({ isDone: false, text: message }))
  )
