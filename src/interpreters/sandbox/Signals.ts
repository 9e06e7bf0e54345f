/** Signals by their numbers, which are the system's. */
import { constants } from "node:os"

/** A shell's statuses for a command that a signal ended: this, and the signal's number. */
export const SIGNALED = 128

/** Of two names for one number, as SIGABRT and SIGIOT, the first. */
export const signalNames: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number, name] as const)
)
