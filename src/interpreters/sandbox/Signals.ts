/** Signals by their numbers. */
import { constants } from "node:os"

/** Of two names for one number, as SIGABRT and SIGIOT, the first. */
export const signalNames: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number, name] as const)
)
