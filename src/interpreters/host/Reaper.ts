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

/** A process that is this one's child by adoption, now or soon. */
export interface Orphan {
  /** How it ends. */
  readonly ended: Effect.Effect<Syscalls.WaitStatus, LostProcess>
  /** Whether it is known to have ended. */
  readonly isOver: () => boolean
  /** Sends SIGKILL; nothing once it has ended, so that no other process of the same number is ever hit. */
  readonly kill: () => void
}

export interface Reaper {
  readonly adopt: (pid: number) => Orphan
  /** Says that a process may have ended just now. */
  readonly look: () => void
  /**
   * Reaps processes of this name that have ended and become this one's
   * children, and that nobody can wait for because nobody knows of them: a
   * program that becomes a daemon leaves such behind.
   */
  readonly tidy: (name: string) => void
}

/** Throws `ErrnoError`, as a defect, where the system is not Linux. */
export const make: Effect.Effect<Reaper, never, Scope.Scope> = Effect.gen(function* () {
  const waiting = new Set<() => void>()
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
  return { adopt: (pid) => adopt(pid, waiting), look, tidy }
})

type Result = Effect.Effect<Syscalls.WaitStatus, LostProcess>

/** Those that have not been reaped. Children are the whole process's, and so is this. */
const adopted = new Set<number>()

const adopt = (pid: number, waiting: Set<() => void>): Orphan => {
  adopted.add(pid)
  let result: Result | undefined

  const reap = (): Result | "Running" | "Elsewhere" => {
    if (result !== undefined) return result
    const found = Syscalls.tryWait(pid)
    if (found === "Running") return found
    if (found === "NotAChild") {
      if (Fs.existsSync(`/proc/${pid}`)) return "Elsewhere"
      result = Effect.fail(new LostProcess({ pid }))
    } else result = Effect.succeed(found)
    adopted.delete(pid)
    return result
  }

  const ended: Result = Effect.async((resume) => {
    // It also keeps this process alive: neither a signal handler nor somebody else's child does.
    let timer: NodeJS.Timeout | undefined
    const stop = (): void => {
      waiting.delete(attempt)
      clearTimeout(timer)
    }
    const attempt = (): void => {
      clearTimeout(timer)
      const found = reap()
      if (found === "Running") timer = setTimeout(attempt, POLL_MS)
      else if (found === "Elsewhere") timer = setTimeout(attempt, ADOPTION_MS)
      else {
        stop()
        resume(found)
      }
    }
    waiting.add(attempt)
    attempt()
    return Effect.sync(stop)
  })

  return {
    ended,
    isOver: () => result !== undefined,
    kill: () => {
      const found = reap()
      if (found !== "Running" && found !== "Elsewhere") return
      try {
        process.kill(pid, "SIGKILL")
      } catch {
        // It is gone, and `ended` will find out.
      }
    }
  }
}

/** What proc(5) keeps of a program's name. */
const NAME = 15

const tidy = (name: string): void => {
  const ended = `(${name.slice(0, NAME)}) Z `
  for (const thread of Fs.readdirSync("/proc/self/task")) {
    for (const pid of readProc(`/proc/self/task/${thread}/children`).split(" ")) {
      if (pid === "" || adopted.has(Number(pid))) continue
      if (readProc(`/proc/${pid}/stat`).includes(ended)) Syscalls.tryWait(Number(pid))
    }
  }
}

/** Empty where there is no such process or thread any more. */
const readProc = (path: string): string => {
  try {
    return Fs.readFileSync(path, "latin1")
  } catch {
    return ""
  }
}
