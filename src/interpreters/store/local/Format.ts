/** Tells a store's directory from any other, and from that of another kind, and makes a new one. */
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import { constants } from "node:os"
import { dirname } from "node:path"
import { codeOf, storeError } from "../../host/IoError.ts"
import { ErrnoError } from "../../host/Libc.ts"
import { StoreError } from "../../Store.ts"
import type { Layout } from "./Layout.ts"

const VERSION = 2
const contentOf = (kind: string): string => `${JSON.stringify({ kind, version: VERSION })}\n`

/** Whether the store is there. Throws `StoreError` where the directory is something else. */
export const check = (layout: Layout, kind: string): boolean => {
  let text = read(layout)
  if (text === undefined) {
    const stranger = findStranger(layout)
    // Another process may have made the store since.
    text = stranger === undefined ? undefined : read(layout)
    if (stranger !== undefined && text === undefined) {
      throw new StoreError({
        message: `${layout.root} is not empty and no store of this program: it holds "${stranger}"`,
        hint: Option.some("name an empty or a new directory with --store"),
        cause: undefined
      })
    }
  }
  if (text === undefined) {
    refuseOwners(layout)
    return false
  }
  if (text === contentOf(kind)) {
    refuseOwners(layout)
    return true
  }
  throw new StoreError({
    message: `${layout.root} is no ${kind} store of this version: its format is ${text.trim().slice(0, 200)}`,
    hint: Option.some("name another directory, or the right kind of store, with --store"),
    cause: undefined
  })
}

/** What kind of store this says it is; `undefined` where it says nothing. */
const read = (layout: Layout): string | undefined => {
  try {
    return Fs.readFileSync(layout.format, "utf8")
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined
    throw storeError(`cannot open the store ${layout.root}`, error)
  }
}

/** A name in the directory that no store that is being made has: what has such a one belongs to somebody else. */
const findStranger = (layout: Layout): string | undefined => {
  let names: ReadonlyArray<string>
  try {
    names = Fs.readdirSync(layout.root)
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined
    throw storeError(`cannot open the store ${layout.root}`, error)
  }
  // A store that is being made by another process has directories before it has a format; so has an ext4 of its own.
  const own = new Set([...layout.directories.map((path) => path.slice(layout.root.length + 1)), "lost+found"])
  return names.find((name) => !own.has(name))
}

/** Who could change a store's directories, or put links into them, could change results, and lead root astray. */
const refuseOwners = (layout: Layout): void => {
  for (const path of layout.directories) {
    // The store itself may be named by a link.
    const look = path === layout.root ? Fs.statSync : Fs.lstatSync
    const stats = look(path, { throwIfNoEntry: false })
    if (stats === undefined) continue
    const problem = !stats.isDirectory()
      ? "is not a directory"
      : stats.uid !== 0 && stats.uid !== process.geteuid?.()
        ? `belongs to the user ${stats.uid}, who could change results`
        : (stats.mode & 0o022) !== 0
          ? "can be written to by others, who could change results"
          : undefined
    if (problem === undefined) continue
    throw new StoreError({
      message: `the store's directory ${path} ${problem}`,
      hint: Option.some("make it root's own (chown root, chmod 700), or name another directory with --store"),
      cause: undefined
    })
  }
}

/** Makes the directories that are missing; gives them, the outermost first. */
export const makeDirectories = (layout: Layout): ReadonlyArray<string> => {
  try {
    const made = [
      ...above(layout.root).filter((path) => makeDirectory(path, 0o755)),
      ...layout.directories.filter((path) => makeDirectory(path, 0o700))
    ]
    refuseOwners(layout)
    return made
  } catch (error) {
    throw storeError(`cannot make the store ${layout.root}`, error)
  }
}

/** Removes directories that were made for what then could not be a store there. */
export const removeDirectories = (made: ReadonlyArray<string>): void => {
  for (const path of made.toReversed()) {
    try {
      Fs.rmdirSync(path)
    } catch {
      // Somebody has put something there, or removed it.
    }
  }
}

/** Says what kind of store this is. `temporary` is a path for that, on the same file system. */
export const write = (layout: Layout, kind: string, temporary: string): void => {
  try {
    // Without it the store is no store: it is on the disk before it has its name.
    Fs.writeFileSync(temporary, contentOf(kind), { mode: 0o600, flush: true })
    Fs.renameSync(temporary, layout.format)
  } catch (error) {
    throw storeError(`cannot make the store ${layout.root}`, error)
  }
}

/** The directories above a path, the outermost first. */
const above = (path: string): ReadonlyArray<string> => {
  const parent = dirname(path)
  return parent === path ? [] : [...above(parent), parent]
}

/**
 * True if it was missing. One by one: Node's own recursive making goes on for
 * ever where the system makes no directories, as in `/proc`.
 */
const makeDirectory = (path: string, mode: number): boolean => {
  try {
    Fs.mkdirSync(path, mode)
    return true
  } catch (error) {
    // Besides EEXIST, a directory that is there may be answered with what forbids to make one.
    if (Fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return false
    if (codeOf(error) === "EEXIST") throw new ErrnoError(constants.errno.ENOTDIR, "mkdir", path)
    if (codeOf(error) !== "ENOENT") throw error
    // What is above it is there, so this does not mean what it means elsewhere.
    throw new StoreError({
      message: `cannot make the store's directory ${path}: this file system has no room for directories`,
      hint: Option.some("name another directory with --store"),
      cause: error
    })
  }
}
