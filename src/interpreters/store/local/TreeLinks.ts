/**
 * Links that stand for trees which are no directories of this store's: the
 * dataset, or the image of an engine, whose name a link's text tells.
 */
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import { codeOf } from "../../host/IoError.ts"
import { namesIn } from "../../host/Owners.ts"
import { StoreError } from "../../Store.ts"

/** Links are at most so deep in what is removed: a result's own in a process's space, and those of caches. */
const DEPTH = 3

export interface TreeLinks {
  /** The name of the tree that a link stands for; throws a `StoreError` where it is no such link. */
  readonly nameAt: (path: string) => string
  /** The same; none where there is nothing, or something else. */
  readonly nameOf: (path: string) => string | undefined
  /** Links to trees at, and in, a directory, and the trees' names. */
  readonly linksIn: (path: string) => Array<readonly [link: string, name: string]>
}

export const make = (options: {
  /** Of a link's text; the first group is the tree's name. */
  readonly pattern: RegExp
  /** What a link stands for, for messages: `a dataset`. */
  readonly what: string
  /** Directories of this name are not looked into: what is there are a tree's own files. */
  readonly skipped?: string
}): TreeLinks => {
  const nameOf = (path: string): string | undefined => {
    try {
      return options.pattern.exec(Fs.readlinkSync(path))?.[1]
    } catch (error) {
      const code = codeOf(error)
      if (code === "EINVAL" || code === "ENOENT") return undefined
      throw error
    }
  }
  const nameAt = (path: string): string => {
    const name = nameOf(path)
    if (name !== undefined) return name
    const message = `${path} is no link to ${options.what} of this store`
    throw new StoreError({ message, hint: Option.none(), cause: undefined })
  }
  function* below(path: string, depth: number): Generator<readonly [string, string], void, void> {
    const stats = Fs.lstatSync(path, { throwIfNoEntry: false })
    const name = stats?.isSymbolicLink() === true ? nameOf(path) : undefined
    if (name !== undefined) yield [path, name]
    if (stats?.isDirectory() !== true || depth === 0 || path.endsWith(`/${options.skipped}`)) return
    for (const inner of [...namesIn(path)].sort()) yield* below(`${path}/${inner}`, depth - 1)
  }
  return { nameOf, nameAt, linksIn: (path) => [...below(path, DEPTH)] }
}
