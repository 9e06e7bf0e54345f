/**
 * Directories that belong to processes, named `PID-…`, or `.PID-…` while they
 * are being made. Whether an owner lives, a lock says; this is a first look
 * that costs nothing, for whoever has no other need to come here.
 */
import * as Fs from "node:fs"

/** The directories in `parent` whose owners, by their numbers, are dead. */
export const deadIn = (parent: string): ReadonlyArray<string> => {
  let names: ReadonlyArray<string>
  try {
    names = Fs.readdirSync(parent)
  } catch {
    return []
  }
  return names.filter((name) => {
    const pid = /^\.?(\d+)-/.exec(name)?.[1]
    // In containers the first process often has the number that the last one had.
    return pid !== undefined && (Number(pid) === process.pid || !Fs.existsSync(`/proc/${pid}`))
  })
}
