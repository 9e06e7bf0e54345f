/** Finds what COPY and ADD name in the source directory: by path or by pattern, through links that stay in it. */
import * as Either from "effect/Either"
import type { ContextEntry, FactBook } from "./ImportFacts.ts"
import { partsOf } from "./ImagePaths.ts"
import * as Glob from "./Glob.ts"

export interface Source {
  /** In the source directory, without links; empty for all of it. */
  readonly path: string
  readonly entry: ContextEntry
  /** The name that it is copied by: that of a link rather than of what that leads to. */
  readonly name: string
}

export type Found = { readonly _tag: "Found"; readonly sources: ReadonlyArray<Source> } | Nothing

/** Why not, as a phrase, and what may help. */
export interface Nothing {
  readonly _tag: "Nothing"
  readonly message: string
  readonly hint?: string
  /** There is no such file, or was none to be found in the source directory. */
  readonly isMissing?: boolean
}

/** As many links are followed as Linux follows. */
const MAX_LINKS = 40

/** Whether a source is a pattern. */
export const isPattern = (source: string): boolean => /[*?[\\]/.test(source)

/** What a source of COPY names. A pattern may name nothing. */
export const find = (book: FactBook, source: string): Found => {
  if (!isPattern(source)) return findPath(book, partsOf(source), source)
  const root = book.root()
  if (root === undefined) return { _tag: "Found", sources: [] }
  let found: ReadonlyArray<Source> = [{ path: "", entry: root, name: "" }]
  for (const part of partsOf(source)) {
    const next: Array<Source> = []
    for (const directory of found) {
      for (const entry of isPattern(part) ? directory.entry.entries : named(directory.entry, part)) {
        book.look()
        const matched = isPattern(part) ? Glob.matches(part, entry.name) : Either.right(true)
        if (Either.isLeft(matched)) return { _tag: "Nothing", message: matched.left.message }
        if (!matched.right || !isIncluded(entry)) continue
        const path = join(directory.path, entry.name)
        const at = entry.kind === "link" ? resolve(book, path.split("/")) : { path, entry, name: entry.name }
        if (typeof at !== "string") next.push({ ...at, name: entry.name })
      }
    }
    found = next
  }
  return { _tag: "Found", sources: found }
}

const named = (directory: ContextEntry, name: string): ReadonlyArray<ContextEntry> =>
  directory.entries.filter((entry) => entry.name === name)

const join = (directory: string, name: string): string => (directory === "" ? name : `${directory}/${name}`)

/** Whether something of it is not ignored. Without recursion deeper than directories are nested, which is bounded. */
export const isIncluded = (entry: ContextEntry): boolean => !entry.ignored || entry.entries.some(isIncluded)

const findPath = (book: FactBook, parts: ReadonlyArray<string>, source: string): Found => {
  const at = resolve(book, parts)
  if (typeof at === "string") {
    if (book.isAsking) return { _tag: "Found", sources: [] }
    return {
      _tag: "Nothing",
      message: `${JSON.stringify(source)} ${at}`,
      hint:
        at === IGNORED
          ? "take it out of the ignore file, or in again with a line !PATH"
          : "paths are relative to the source directory",
      isMissing: at === MISSING
    }
  }
  return { _tag: "Found", sources: [{ ...at, name: parts.at(-1) ?? "" }] }
}

const MISSING = "is not in the source directory"
const IGNORED = "is left out by .dockerignore"

/** Follows links, as Docker does, with the source directory as the root; or says why there is nothing, as a phrase. */
const resolve = (book: FactBook, wanted: ReadonlyArray<string>): Omit<Source, "name"> | string => {
  const pending = [...wanted].reverse()
  const at: Array<{ readonly name: string; readonly entry: ContextEntry }> = []
  let links = 0
  for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
    if (part === "" || part === ".") continue
    if (part === "..") {
      at.pop()
      continue
    }
    const parent = at.at(-1)?.entry
    const entry = parent === undefined ? book.top(part) : parent.entries.find(({ name }) => name === part)
    if (entry === undefined) return MISSING
    if (!isIncluded(entry)) return IGNORED
    if (entry.kind !== "link") {
      at.push({ name: part, entry })
      continue
    }
    if (++links > MAX_LINKS) return "leads through too many symbolic links"
    if (entry.target.startsWith("/")) at.length = 0
    pending.push(...entry.target.split("/").reverse())
  }
  const last = at.at(-1)
  if (last !== undefined) return { path: at.map(({ name }) => name).join("/"), entry: last.entry }
  const root = book.root()
  return root === undefined ? MISSING : { path: "", entry: root }
}
