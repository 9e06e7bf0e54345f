/** What `UserSandbox.ts` loads at the first command: running commands as the user. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Zfs from "../../host/Zfs.ts"
import { type Command, CommandFailed, type Outcome, SandboxError, type SandboxService } from "../../Sandbox.ts"
import * as Shared from "../../Shared.ts"
import { notStarted, sandboxError } from "../Failure.ts"
import * as Ongoing from "../Ongoing.ts"
import { SIGNALED, signalNames } from "../Signals.ts"
import { GID, homeOf, RUN, userName, type UserOptions } from "../UserSandbox.ts"
import * as Account from "./Account.ts"
import * as Mounts from "./Mounts.ts"
import * as Papers from "./Papers.ts"
import * as Places from "./Places.ts"
import * as Programs from "./Programs.ts"
import { NO_DIRECTORY, quote } from "./Script.ts"
import * as Turn from "./Turn.ts"

export interface Machine extends Pick<SandboxService, "run"> {
  /** Undoes what a killed process left, unless another has the turn. */
  readonly reclaim: Effect.Effect<void, SandboxError>
}

/** For as long as the scope is open. */
export const open = (options: UserOptions, state: string): Effect.Effect<Machine, SandboxError, Scope.Scope> =>
  Effect.gen(function* () {
    yield* check(options)
    const scope = yield* Effect.scope
    const account = Shared.make(Account.ensure(options.uid), scope)
    const user = new User(options, state, { account, zfs: Zfs.make(scope) })
    const during = yield* Ongoing.make
    // Who waits here does not look at the lock again and again.
    const permits = yield* Effect.makeSemaphore(1)
    return {
      run: (command, rootfs, output) => during(permits.withPermits(1)(user.run(command, rootfs, output))),
      // While a step runs here there is nothing to reclaim, and nobody is to wait for its end.
      reclaim: Effect.asVoid(permits.withPermitsIfAvailable(1)(user.reclaim))
    }
  })

const check = ({ brewPath, uid }: UserOptions): Effect.Effect<void, SandboxError> => {
  if (process.geteuid?.() !== 0) {
    return Effect.fail(
      sandboxError("to run steps as another user takes root", undefined, "run it as root, e.g. with sudo")
    )
  }
  if (!Number.isSafeInteger(uid) || uid < FIRST_UID || uid > LAST_UID) {
    return Effect.fail(
      sandboxError(`${uid} is no number for a user of steps: those go from ${FIRST_UID} to ${LAST_UID}`)
    )
  }
  const isPlain = /^(?:\/[^/]+){2,}$/.test(brewPath) && !/\/\.\.?(?:\/|$)/.test(brewPath)
  const home = homeOf(uid)
  return isPlain && !`${brewPath}/`.startsWith(`${home}/`)
    ? Effect.void
    : Effect.fail(
        sandboxError(
          `Homebrew cannot be at ${JSON.stringify(brewPath)}`,
          undefined,
          "name an absolute path without a slash at its end, such as /opt/homebrew, outside of the user's home"
        )
      )
}

/** Lower ones are the system's own. */
const FIRST_UID = 500
const LAST_UID = 2 ** 31 - 2

interface Means {
  readonly account: Effect.Effect<void, SandboxError>
  readonly zfs: Zfs.Zfs
}

class User {
  private readonly options: UserOptions
  private readonly state: string
  private readonly means: Means

  constructor(options: UserOptions, state: string, means: Means) {
    this.options = options
    this.state = state
    this.means = means
  }

  run<E>(
    command: Command,
    rootfs: Parameters<SandboxService["run"]>[1],
    output: (chunk: Uint8Array) => Effect.Effect<void, E>
  ): Effect.Effect<void, CommandFailed | SandboxError | E> {
    const { account, zfs } = this.means
    return Effect.gen(this, function* () {
      const stranger = this.strangerIn(command)
      if (stranger !== undefined) return stranger
      yield* account
      const turn = yield* this.takeTurn
      const places = yield* attempt(() => Places.find(this.options, rootfs, command.caches))
      if ("outcome" in places) return places.outcome
      const run = `${turn.path}/${RUN}`
      const script = yield* attempt(() => Papers.write(run, command, this.ids))
      if (typeof script !== "string") return script.outcome
      yield* Mounts.mount(zfs, recordIn(run), places, this.ids)
      const status = yield* this.execute(script, output)
      return outcomeOf(Papers.readStatus(run), status, command)
    }).pipe(
      Effect.scoped,
      Effect.flatMap((outcome) =>
        outcome === undefined ? Effect.void : Effect.fail(new CommandFailed({ argv: command.argv, outcome }))
      )
    )
  }

  get reclaim(): Effect.Effect<void, SandboxError> {
    return Effect.scoped(
      Effect.flatMap(Turn.tryTake(this.state, this.options), (turn) =>
        turn === undefined ? Effect.void : this.clear(turn)
      )
    )
  }

  private get ids(): { readonly uid: number; readonly gid: number } {
    return { uid: this.options.uid, gid: GID }
  }

  /** Steps are run as this user: root, whom a spec means that names nobody, or he himself. */
  private strangerIn({ user }: Command): Outcome | undefined {
    const { uid } = this.options
    const name = userName(uid)
    const isKnown =
      user._tag === "Named" ? [name, "root", String(uid), "0"].includes(user.name) : user.uid === uid || user.uid === 0
    if (isKnown) return undefined
    const who = user._tag === "Named" ? JSON.stringify(user.name) : `${user.uid}:${user.gid}`
    return notStarted(
      `steps are run as ${name} here, and not as ${who}`,
      `leave the user out of the spec, or write (user (uid ${uid}) (gid ${GID}))`
    )
  }

  /** The turn, with nothing left of who had it before; all is undone before it is given back. */
  private get takeTurn(): Effect.Effect<Turn.Turn, SandboxError, Scope.Scope> {
    const { zfs } = this.means
    return Effect.gen(this, function* () {
      const turn = yield* Turn.take(this.state, this.options)
      // A command that goes on when this process is killed keeps others from the turn until it is done.
      yield* Effect.acquireRelease(
        Effect.sync(() => (zfs.lock = turn.lock)),
        () => Effect.sync(() => (zfs.lock = undefined))
      )
      yield* Effect.addFinalizer(() =>
        Effect.catchAll(this.clear(turn), ({ message }) => Effect.logWarning(`after a step: ${message}`))
      )
      yield* this.clear(turn)
      return turn
    })
  }

  /** Ends the user's processes, and undoes what was done for a run. */
  private clear(turn: Turn.Turn): Effect.Effect<void, SandboxError> {
    const { zfs } = this.means
    const run = `${turn.path}/${RUN}`
    return Effect.gen(this, function* () {
      yield* this.killAll
      if (!Fs.existsSync(run)) return
      yield* Mounts.unmount(zfs, recordIn(run), this.killAll)
      yield* Effect.try({
        try: () => Fs.rmSync(run, { recursive: true, force: true }),
        catch: (cause) => sandboxError(`cannot remove ${run}`, cause)
      })
    }).pipe(Effect.uninterruptible)
  }

  /** Runs the script; gives what `su` ended with, after which the user has no process. */
  private execute<E>(
    script: string,
    output: (chunk: Uint8Array) => Effect.Effect<void, E>
  ): Effect.Effect<number, SandboxError | E> {
    const words = ["-l", userName(this.options.uid), "-c", `. ${quote(script)}`]
    // What a process in the background has of the output is not waited for.
    return Programs.follow("su", words, output, Effect.ignore(this.killAll))
  }

  /** Kills the user's processes until there are none; what the system itself starts again and again is let be. */
  private get killAll(): Effect.Effect<void, SandboxError> {
    const { uid } = this.options
    const kill = Programs.run("pkill", "-9", "-U", String(uid))
    return Effect.gen(function* () {
      for (let tries = 0; tries < KILLS; tries++) {
        const { status, text } = yield* kill
        if (status === NONE_MATCHED) return
        if (status !== 0) return yield* sandboxError(`pkill failed with status ${status}: ${text}`)
        yield* Effect.sleep(KILL_PAUSE)
      }
      yield* Effect.logWarning(`processes of ${userName(uid)} are still there`)
    })
  }
}

/** How often processes are killed before they are let be, and milliseconds in between. */
const KILLS = 200
const KILL_PAUSE = 10

/** pkill(1): no processes were matched. */
const NONE_MATCHED = 1

const recordIn = (run: string): string => `${run}/mounts`

/** Does what may find that the command cannot be run. */
const attempt = <A>(work: () => A): Effect.Effect<A | { readonly outcome: Outcome }, SandboxError> =>
  Effect.try({ try: work, catch: (cause) => cause }).pipe(
    Effect.catchAll((cause) => {
      if (cause instanceof Places.BadPlace || cause instanceof Papers.BadCommand) {
        return Effect.succeed({ outcome: notStarted(cause.message) })
      }
      return Effect.fail(cause instanceof SandboxError ? cause : sandboxError("cannot prepare the step", cause))
    })
  )

/** `told` is what the script has told, `su` what that program ended with. */
const outcomeOf = (told: string, su: number, { cwd }: Command): Outcome | undefined => {
  if (told === NO_DIRECTORY) return notStarted(`the working directory ${cwd} cannot be made, or not be entered`)
  if (!/^\d{1,3}$/.test(told)) {
    return su === 0
      ? notStarted("the user's shell ended before the command did: it was killed, or a profile of the user's ended it")
      : { _tag: "Exit", status: su }
  }
  const status = Number(told)
  if (status === 0) return undefined
  const signal = Option.fromNullable(signalNames.get(status - SIGNALED))
  return Option.match(signal, {
    onNone: () => ({ _tag: "Exit", status }),
    onSome: (name) => ({ _tag: "Signal", signal: name })
  })
}
