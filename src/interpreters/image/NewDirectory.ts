/** Directories that appear when they are complete. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { basename, dirname, resolve } from "node:path"
import { explain, type ImageProblem, problem } from "../base/ImageProblem.ts"

export interface NewDirectory {
  /** Where it is made. */
  readonly path: string
  /** Moves it to where it is to be. */
  readonly keep: Effect.Effect<void, ImageProblem>
}

/** Makes a directory beside where it is to be; it goes with the scope unless it is kept. */
export const make = (path: string): Effect.Effect<NewDirectory, ImageProblem, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      doing(path, () => {
        const real = resolve(path)
        if (!Fs.existsSync(dirname(real))) {
          throw problem(
            `cannot write ${path}: there is no directory ${dirname(real)}`,
            "make it, or name another one with -o"
          )
        }
        const made = Fs.mkdtempSync(`${dirname(real)}/.${basename(real).slice(0, 200)}.`)
        Fs.chmodSync(made, 0o777 & ~process.umask())
        return made
      }),
      (made) => Effect.sync(() => Fs.rmSync(made, { recursive: true, force: true }))
    ),
    (made) => ({ path: made, keep: doing(path, () => Fs.renameSync(made, path)) })
  )

/** Whether nothing is there yet, or an empty directory. Throws an `ImageProblem` where there is no directory. */
export const isFree = (path: string): boolean => {
  const stats = Fs.statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return true
  if (stats.isDirectory()) return Fs.readdirSync(path).length === 0
  throw problem(`${path} is there already, and is no directory`, "name another one with -o")
}

/** `path` is what is being written. */
export const doing = <A>(path: string, work: () => A): Effect.Effect<A, ImageProblem> =>
  Effect.catchAll(Effect.try({ try: work, catch: (cause) => cause }), (cause) => explain(`cannot write ${path}`, cause))
