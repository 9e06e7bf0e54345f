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
  return names.filter(seemsDead)
}

/** Whether a directory of this name seems to be a dead process's. */
const seemsDead = (name: string): boolean => {
  const pid = /^\.?(\d+)-/.exec(name)?.[1]
  // In containers the first process often has the number that the last one had.
  return pid !== undefined && (Number(pid) === process.pid || !Fs.existsSync(`/proc/${pid}`))
}

/** Directories without a lock are taken for abandoned after this time, and where their owners seem to be dead, much sooner. */
const ABANDONED_MS = 60_000
const SOON_MS = 100

/** Whether nobody can still be about to lock this directory: making and locking one takes no time at all. */
export const isAbandoned = (parent: string, name: string): boolean => {
  const stats = Fs.lstatSync(`${parent}/${name}`, { throwIfNoEntry: false })
  return stats !== undefined && Date.now() - stats.ctimeMs > (seemsDead(name) ? SOON_MS : ABANDONED_MS)
}
