/**
 * Directories that belong to processes, named `PID-…`, or `.PID-…` while they
 * are being made. Whether an owner lives, a lock in them says. `deadIn` is a
 * first look that costs nothing, for whoever has no other need to come here.
 */
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import { codeOf } from "./IoError.ts"
import { tryLock } from "./Libc.ts"
import { hasProcess } from "./System.ts"

/** The file that an owner holds a lock on. */
export const LOCK = "lock"

/** A directory of this process's own. */
export interface Owned {
  readonly path: string
  readonly lock: number
}

/** Takes a directory of one's own, whose name has so many random bytes; `fill` puts into it what has to be there from the first. */
export const take = (parent: string, bytes: number, fill: (path: string) => void = () => undefined): Owned => {
  const name = `${process.pid}-${randomBytes(bytes).toString("hex")}`
  // Made under another name: a directory is never seen without its lock taken.
  const hidden = `${parent}/.${name}`
  const path = `${parent}/${name}`
  Fs.mkdirSync(hidden, { mode: 0o700 })
  const lock = Fs.openSync(`${hidden}/${LOCK}`, "wx", 0o600)
  tryLock(lock)
  fill(hidden)
  Fs.renameSync(hidden, path)
  return { path, lock }
}

/** The names in a directory; none where there is none, or none that can be read. */
export const namesIn = (directory: string): ReadonlyArray<string> => {
  try {
    return Fs.readdirSync(directory)
  } catch {
    return []
  }
}

/** The directories in `parent` whose owners, by their numbers, are dead. */
export const deadIn = (parent: string): ReadonlyArray<string> => namesIn(parent).filter((name) => seemsDead(name))

/** Whether a directory of this name seems to be a dead process's. */
const seemsDead = (name: string): boolean => {
  const pid = /^\.?(\d+)-/.exec(name)?.[1]
  // In containers the first process often has the number that the last one had.
  return pid !== undefined && (Number(pid) === process.pid || !hasProcess(pid))
}

/** Whether nobody holds the lock of a directory any more, or it is gone. */
export const isDead = (path: string): boolean => {
  let fd: number
  try {
    fd = Fs.openSync(`${path}/${LOCK}`, "r")
  } catch (error) {
    // Its owner, or a sweep, is removing it.
    return codeOf(error) === "ENOENT"
  }
  try {
    return tryLock(fd)
  } finally {
    Fs.closeSync(fd)
  }
}

/** Directories without a lock are taken for abandoned after this time, and where their owners seem to be dead, much sooner. */
const ABANDONED_MS = 60_000
const SOON_MS = 100

/** Whether nobody can still be about to lock this directory: making and locking one takes no time at all. */
export const isAbandoned = (parent: string, name: string): boolean => {
  const stats = Fs.lstatSync(`${parent}/${name}`, { throwIfNoEntry: false })
  return stats !== undefined && Date.now() - stats.ctimeMs > (seemsDead(name) ? SOON_MS : ABANDONED_MS)
}

/**
 * Makes a directory for those of processes, and returns its path without links. It
 * may be in a directory where everybody can make files, as `/dev/shm`: so a
 * link, which would have others' directories swept, is refused, and one that
 * others could write to, since secrets are kept in it.
 */
export const makePrivate = (parent: string): string => {
  Fs.mkdirSync(parent, { recursive: true, mode: 0o700 })
  const stats = Fs.lstatSync(parent)
  if (!stats.isDirectory()) throw new Error("it is not a directory of its own but something else; remove it")
  if (stats.uid !== 0 || (stats.mode & 0o022) !== 0) {
    throw new Error("it must be root's, and nobody else may write to it; remove it")
  }
  return Fs.realpathSync(parent)
}
