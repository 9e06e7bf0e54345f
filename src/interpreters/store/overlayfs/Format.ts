/** Tells an overlayfs store's directory from any other, and makes a new one. */
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import { dirname } from "node:path"
import { codeOf, storeError } from "../../host/IoError.ts"
import { StoreError } from "../../Store.ts"
import type { Layout } from "./Layout.ts"

const KIND = "overlayfs"
const VERSION = 1
const CONTENT = `${JSON.stringify({ kind: KIND, version: VERSION })}\n`

/** Whether the store is there. Throws `StoreError` where the directory is something else. */
export const check = (layout: Layout): boolean => {
  let text: string
  try {
    text = Fs.readFileSync(layout.format, "utf8")
  } catch (error) {
    if (codeOf(error) === "ENOENT") {
      refuseStrangers(layout)
      return false
    }
    throw storeError(`cannot open the store ${layout.root}`, error)
  }
  if (text === CONTENT) return true
  throw new StoreError({
    message: `${layout.root} is not an overlayfs store of this version: its format is ${text.trim().slice(0, 200)}`,
    hint: Option.some("name another directory, or the right kind of store, with --store"),
    cause: undefined
  })
}

/** A directory that has something in it and is no store belongs to somebody else. */
const refuseStrangers = (layout: Layout): void => {
  let names: ReadonlyArray<string>
  try {
    names = Fs.readdirSync(layout.root)
  } catch (error) {
    if (codeOf(error) === "ENOENT") return
    throw storeError(`cannot open the store ${layout.root}`, error)
  }
  // A store that is being made by another process has directories before it has a format; so has an ext4 of its own.
  const own = new Set([...layout.directories.map((path) => path.slice(layout.root.length + 1)), "lost+found"])
  const strange = names.find((name) => !own.has(name) && !name.startsWith("format."))
  if (strange === undefined) return
  throw new StoreError({
    message: `${layout.root} is not empty and no store of this program: it holds "${strange}"`,
    hint: Option.some("name an empty or a new directory with --store"),
    cause: undefined
  })
}

/** Makes what is missing. */
export const create = (layout: Layout): void => {
  try {
    for (const path of [...above(layout.root), ...layout.directories]) makeDirectory(path)
    const temporary = `${layout.format}.${process.pid}`
    Fs.writeFileSync(temporary, CONTENT, { mode: 0o600 })
    Fs.renameSync(temporary, layout.format)
  } catch (error) {
    throw storeError(`cannot make the store ${layout.root}`, error)
  }
}

/** The directories above a path, the root's own first. */
const above = (path: string): ReadonlyArray<string> => {
  const parent = dirname(path)
  return parent === path ? [] : [...above(parent), parent]
}

/** Node's own recursive making never ends where the system has no room for directories, as in `/proc`. */
const makeDirectory = (path: string): void => {
  try {
    Fs.mkdirSync(path, 0o700)
  } catch (error) {
    // Whoever may not write to a directory, or nobody, is told so before whether it exists.
    if (Fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw error
  }
}
