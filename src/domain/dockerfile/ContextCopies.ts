/**
 * A directory of the source directory as copies of a spec: one, if nothing in it
 * is ignored, or if what is can be told by its name; else one for each part.
 */
import type { ContextEntry } from "./ImportFacts.ts"
import { into } from "./ImagePaths.ts"

export interface ContextCopy {
  readonly src: ReadonlyArray<string>
  readonly dst: string
  readonly exclude: ReadonlyArray<string>
  readonly contents?: true
}

/** An entry, and whether it is left out; what it holds may be in nevertheless. */
export interface Chosen {
  readonly name: string
  readonly isDirectory: boolean
  /** As of {@link ContextEntry}. */
  readonly mode: number
  readonly left: boolean
  /** Something in it, or itself, is left out. */
  readonly lacks: boolean
  /** Something in it, or itself, is not left out. */
  readonly gives: boolean
  readonly entries: ReadonlyArray<Chosen>
}

/** The mode of directories that lie on the way. */
const MADE = 0o755

/** More names than this are no spec that somebody would read. */
const MAX_NAMES = 100

/** `leaves` says of a path below the entry whether it is left out, besides what is ignored. */
export const choose = (entry: ContextEntry, leaves: (path: string) => boolean, path = ""): Chosen => {
  const left = entry.ignored || (path !== "" && leaves(path))
  const entries = entry.entries.map((one) => choose(one, leaves, path === "" ? one.name : `${path}/${one.name}`))
  return {
    name: entry.name,
    isDirectory: entry.kind === "directory",
    mode: entry.mode,
    left,
    lacks: left || entries.some((one) => one.lacks),
    gives: !left || entries.some((one) => one.gives),
    entries
  }
}

/**
 * Copies of what `directory` holds, which is at `path` of the source directory, into the directory `dst`. What that is
 * already, it stays: its owner and its mode. Directories in it become as they are copied, as with Docker.
 * `isThere`: it is known to be there, so that nothing has to make it.
 */
export const copiesOf = (
  directory: Chosen,
  path: string,
  dst: string,
  isThere: boolean
): ReadonlyArray<ContextCopy> => {
  const copies: Array<ContextCopy> = []
  const pending: Array<{ readonly of: Chosen; readonly path: string; readonly dst: string }> = [
    { of: directory, path, dst }
  ]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { dst: to, of, path: from } = next
    const isWhole = of === directory
    const src = [from === "" ? "." : from]
    const given = of.entries.filter((entry) => entry.gives)
    if (given.length === 0) {
      // Only itself: all that it holds goes by its name. The contents of nothing would make no directory.
      if (!isWhole) copies.push({ src, dst: to, exclude: namesIn(of) })
      else if (!isThere) copies.push({ src, dst: to, exclude: namesIn(of), contents: true })
      continue
    }
    const left = of.entries.some((entry) => entry.lacks) ? leftNames(of) : []
    if (left !== undefined) {
      copies.push(isWhole ? { src, dst: into(to), exclude: left, contents: true } : { src, dst: to, exclude: left })
      continue
    }
    // Made on the way to what it holds, it would have the mode of no directory in particular.
    if (!isWhole && of.mode !== MADE) copies.push({ src, dst: to, exclude: namesIn(of) })
    const at = (entry: Chosen): string => (from === "" ? entry.name : `${from}/${entry.name}`)
    const complete = given.filter((entry) => !entry.lacks)
    if (complete.length > 0) copies.push({ src: complete.map(at), dst: into(to), exclude: [] })
    for (const entry of given.filter((one) => one.lacks).reverse()) {
      pending.push({ of: entry, path: at(entry), dst: into(to) + entry.name })
    }
  }
  return copies
}

const namesIn = (directory: Chosen): ReadonlyArray<string> => directory.entries.map(({ name }) => name)

/** The names of all that is left out below a directory, if nothing else there is called so. */
const leftNames = (directory: Chosen): ReadonlyArray<string> | undefined => {
  const out = new Set<string>()
  const pending = [...directory.entries]
  const kept: Array<string> = []
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next.gives) {
      // It is made all the same where what it holds is not left out.
      kept.push(next.name)
      pending.push(...next.entries)
    } else {
      out.add(next.name)
      if (out.size > MAX_NAMES) return undefined
    }
  }
  return kept.some((name) => out.has(name)) ? undefined : [...out].sort()
}
