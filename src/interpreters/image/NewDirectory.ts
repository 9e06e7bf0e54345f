/** Directories that appear when they are complete. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { basename, dirname, resolve } from "node:path"
import { setTimes } from "../host/Libc.ts"
import { copyAttributes } from "../host/Metadata.ts"
import { explain, type ImageProblem, isSystemError, problem } from "../base/ImageProblem.ts"
import { wordsFor } from "../host/IoError.ts"

export interface NewDirectory {
  /** Where it is made. */
  readonly path: string
  /** Moves it to where it is to be. */
  readonly keep: Effect.Effect<void, ImageProblem>
}

/**
 * Makes a directory beside where it is to be; or, where an empty one is, inside of
 * that, which may be a mount point. It goes with the scope unless it is kept.
 * Of a tree that is an image's root, the directory that is there gets owner, mode
 * and times too.
 */
export const make = (path: string, isTree: boolean): Effect.Effect<NewDirectory, ImageProblem, Scope.Scope> =>
  Effect.gen(function* () {
    let isKept = false
    const existing = yield* doing(path, () => (Fs.existsSync(path) ? Fs.realpathSync(path) : undefined))
    const made = yield* Effect.acquireRelease(
      doing(path, () => begin(path, existing)),
      (begun) =>
        Effect.sync(() => {
          // Its name is anybody's then.
          if (!isKept) Fs.rmSync(begun, { recursive: true, force: true })
        })
    )
    const keep = doing(path, () => {
      if (existing === undefined) Fs.renameSync(made, path)
      else moveOut(made, existing, isTree)
      isKept = true
    })
    return { path: made, keep }
  })

const begin = (path: string, existing: string | undefined): string => {
  const above = dirname(resolve(path))
  if (!Fs.existsSync(above)) {
    throw problem(`cannot write ${path}: there is no directory ${above}`, "make it, or name another one with -o")
  }
  const made = Fs.mkdtempSync(
    existing === undefined
      ? `${dirname(resolve(path))}/.${basename(resolve(path)).slice(0, 200)}.`
      : `${existing}/.new.`
  )
  Fs.chmodSync(made, 0o777 & ~process.umask())
  return made
}

/** Gives a directory above all that is in one, and its attributes where they are wanted. */
const moveOut = (from: string, to: string, isTree: boolean): void => {
  const stats = Fs.statSync(from)
  const { atimeNs, mtimeNs } = Fs.statSync(from, { bigint: true })
  if (isTree) copyAttributes(from, to, stats)
  for (const name of Fs.readdirSync(from, { encoding: "buffer" })) {
    Fs.renameSync(Buffer.concat([Buffer.from(`${from}/`), name]), Buffer.concat([Buffer.from(`${to}/`), name]))
  }
  Fs.rmdirSync(from)
  if (isTree) setTimes(to, atimeNs, mtimeNs)
}

/** Whether nothing is there yet, or an empty directory. Throws an `ImageProblem` where there is no directory. */
export const isFree = (path: string): boolean => {
  const stats = Fs.statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return true
  if (stats.isDirectory()) return Fs.readdirSync(path).length === 0
  throw problem(`${path} is there already, and is no directory`, "name another one with -o")
}

/** `path` is what is being written. */
export const doing = <A>(path: string, work: () => A): Effect.Effect<A, ImageProblem> =>
  Effect.catchAll(Effect.try({ try: work, catch: (cause) => inWords(path, cause) }), (cause) =>
    explain(`cannot write ${path}`, cause)
  )

/** What the system refused, in a user's words; anything else as it is. */
export const inWords = (path: string, cause: unknown): unknown => {
  const words = isSystemError(cause) ? wordsFor(cause.code) : undefined
  if (!isSystemError(cause) || words === undefined) return cause
  const isFull = cause.code === "ENOSPC" || cause.code === "EDQUOT"
  return problem(`cannot write ${path}: ${words}`, isFull ? "free some space there" : undefined, cause)
}
