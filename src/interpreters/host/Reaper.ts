/**
 * Waits for processes that Node did not start itself: descendants whose own
 * parents have ended.
 *
 * Linux gives those to the nearest ancestor that asked for them, so the process
 * asks (prctl(2), `PR_SET_CHILD_SUBREAPER`), and stays such from then on. It
 * learns of an end by SIGCHLD; threads other than the main one, which get no
 * signals in Node, by looking every {@link POLL_MS}, or when they are told to
 * look.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Syscalls from "./Syscalls.ts"

const POLL_MS = 50

/** For a process that is about to become a child of this one: its parent is ending. */
const ADOPTION_MS = 1

/** A process was reaped by somebody else, so that nobody knows how it ended. */
export class LostProcess extends Data.TaggedError("LostProcess")<{ readonly pid: number }> {}

export interface Reaper {
  /** How a process ends. A process is waited for once; interrupting the wait leaves it unreaped. */
  readonly wait: (pid: number) => Effect.Effect<Syscalls.WaitStatus, LostProcess>
  /** Says that a process may have ended just now. */
  readonly look: () => void
}

type Look = () => void

/** Throws `ErrnoError`, as a defect, where the system is not Linux. */
export const make: Effect.Effect<Reaper, never, Scope.Scope> = Effect.gen(function* () {
  const waiting = new Set<Look>()
  const look = (): void => {
    for (const one of [...waiting]) one()
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      Syscalls.becomeSubreaper()
      process.on("SIGCHLD", look)
    }),
    () => Effect.sync(() => process.off("SIGCHLD", look))
  )

  const wait = (pid: number): Effect.Effect<Syscalls.WaitStatus, LostProcess> =>
    Effect.async((resume) => {
      let soon: NodeJS.Timeout | undefined
      // It also keeps the process alive: neither a signal handler nor a child of a child does.
      const poll = setInterval(() => one(), POLL_MS)
      const stop = (): void => {
        waiting.delete(one)
        clearInterval(poll)
        clearTimeout(soon)
      }
      const one: Look = () => {
        const found = Syscalls.tryWait(pid)
        if (found === "Running") return
        if (found === "NotAChild" && Fs.existsSync(`/proc/${pid}`)) {
          clearTimeout(soon)
          soon = setTimeout(one, ADOPTION_MS)
          return
        }
        stop()
        resume(found === "NotAChild" ? Effect.fail(new LostProcess({ pid })) : Effect.succeed(found))
      }
      waiting.add(one)
      one()
      return Effect.sync(stop)
    })

  return { wait, look }
})
