/** The processes of this machine, for tests that look for theirs: proc(5). */
import * as Fs from "node:fs"

/** The numbers of those whose command line, words ended by NULs, is one that is looked for. */
export const processesWith = (isLookedFor: (commandLine: string) => boolean): ReadonlyArray<number> =>
  Fs.readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && isLookedFor(commandLine(name)))
    .map(Number)

/** Empty where the process has ended. */
const commandLine = (pid: string): string => {
  try {
    return Fs.readFileSync(`/proc/${pid}/cmdline`, "utf8")
  } catch {
    return ""
  }
}
