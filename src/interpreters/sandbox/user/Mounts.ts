/**
 * The mounts of one run. What is done is written down before it is, so that it
 * can be undone by whoever has the next turn, if this process is killed.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { readText } from "../../host/Names.ts"
import { saysMissing, type Zfs, type ZfsError } from "../../host/Zfs.ts"
import type { SandboxError } from "../../Sandbox.ts"
import { sandboxError } from "../Failure.ts"
import type { Missing, Place } from "./Places.ts"

/** What is to be undone. */
interface Done {
  readonly datasets: ReadonlyArray<string>
  readonly made: ReadonlyArray<Missing>
}

/** Mounts what a step needs. `record` is a path in a directory that only root can write to. */
export const mount = (
  zfs: Zfs,
  record: string,
  places: ReadonlyArray<Place>,
  user: { readonly uid: number; readonly gid: number }
): Effect.Effect<void, SandboxError> =>
  Effect.gen(function* () {
    const done: Done = {
      datasets: places.map(({ dataset }) => dataset),
      made: places.flatMap(({ missing }) => missing)
    }
    yield* Effect.try({
      try: () => {
        Fs.writeFileSync(record, JSON.stringify(done), { mode: 0o600 })
        for (const { path } of places) giveTo(user, path)
        for (const { names, root } of done.made) {
          const path = `${root}/${names.join("/")}`
          Fs.mkdirSync(path)
          giveTo(user, path)
        }
      },
      catch: (cause) => sandboxError("cannot prepare the step", cause)
    })
    for (const { at, dataset } of places) {
      yield* Effect.mapError(zfs.run("set", `mountpoint=${at}`, dataset), (error) => mountError(at, error))
    }
  })

const mountError = (at: string, { message }: ZfsError): SandboxError =>
  sandboxError(`cannot mount the step's files at ${at}: ${message.replaceAll("\n", "; ")}`)

/** What is root's, as what nobody else has put there is, the step could not use. */
const giveTo = ({ gid, uid }: { readonly uid: number; readonly gid: number }, path: string): void => {
  if (Fs.lstatSync(path).uid === 0) Fs.lchownSync(path, uid, gid)
}

/** Undoes what the record says, and removes it. `free` ends whoever may keep a mount busy. */
export const unmount = <E>(
  zfs: Zfs,
  record: string,
  free: Effect.Effect<void, E>
): Effect.Effect<void, SandboxError | E> =>
  Effect.gen(function* () {
    const text = readText(record)
    if (text === undefined) return
    const { datasets, made } = parse(text)
    for (const dataset of datasets.toReversed()) yield* reset(zfs, dataset, free)
    for (const one of made.toReversed()) removeEmpty(one)
    Fs.rmSync(record, { force: true })
  })

/** Only root writes it; what was cut short was written before anything was done. */
const parse = (text: string): Done => {
  try {
    return JSON.parse(text) as Done
  } catch {
    return { datasets: [], made: [] }
  }
}

/** Mounts a dataset where the store has it, as what it inherits says. */
const reset = <E>(zfs: Zfs, dataset: string, free: Effect.Effect<void, E>): Effect.Effect<void, SandboxError | E> => {
  const inherit = zfs.run("inherit", "mountpoint", dataset)
  return Effect.gen(function* () {
    const first = yield* Effect.either(inherit)
    // A killed process's, which another has removed with all that it made.
    if (first._tag === "Right" || saysMissing(first.left)) return
    yield* free
    yield* Effect.ignore(zfs.run("unmount", "-f", dataset))
    yield* Effect.mapError(inherit, ({ message }) =>
      sandboxError(`cannot take ${dataset} back from where a step had it: ${message.replaceAll("\n", "; ")}`)
    )
    yield* Effect.ignore(zfs.run("mount", dataset))
  })
}

/** A step may have put something else in its place, or on the way there: then it is the step's. */
const removeEmpty = ({ names, root }: Missing): void => {
  let path = root
  for (const name of names) {
    path = `${path}/${name}`
    if (Fs.lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return
  }
  try {
    Fs.rmdirSync(path)
  } catch {
    // Not empty.
  }
}
