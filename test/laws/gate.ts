/** A command of a step that waits until the test lets it go on, wherever on this machine it runs. */
import * as Effect from "effect/Effect"
import { randomInt } from "node:crypto"
import { processesWith } from "../processes.ts"
import { until } from "../until.ts"

export interface Gate {
  /** Waits at the gate. What follows is joined with `; `. */
  readonly command: string
  /** Waits until somebody waits at the gate. */
  readonly arrival: Effect.Effect<void>
  /** How many wait. */
  readonly waiting: () => number
  /** Lets those go on who wait. */
  readonly proceed: Effect.Effect<void>
  /** Ends the steps of those who wait, with status 7. */
  readonly fail: Effect.Effect<void>
}

/** One that no other test has: its number is that of the seconds that its command would sleep. */
export const makeGate = (): Gate => {
  const seconds = 100_000_000 + randomInt(800_000_000)
  const sleeping = (): ReadonlyArray<number> => processesWith((line) => line === `sleep\0${seconds}\0`)
  const end = (signal: NodeJS.Signals): Effect.Effect<void> =>
    Effect.promise(async () => {
      const ended = sleeping()
      for (const pid of ended) process.kill(pid, signal)
      await until("who waited at a gate goes on", () => !sleeping().some((pid) => ended.includes(pid)))
    })
  return {
    // A shell says so when its command is ended by a signal.
    command: `{ sleep ${seconds}; ended=$?; } 2>/dev/null; [ $ended = 143 ] || exit 7`,
    arrival: Effect.promise(() => until("somebody comes to a gate", () => sleeping().length > 0)),
    waiting: () => sleeping().length,
    proceed: end("SIGTERM"),
    fail: end("SIGKILL")
  }
}
