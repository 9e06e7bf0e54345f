/**
 * Removes a tree that somebody may still be changing: a container of a process
 * that was killed goes on writing until it is found.
 *
 * Nothing is reached by a path of more than one component: every directory is
 * opened as what it is, never through a link, and what is in it is named from
 * its descriptor (`/proc/self/fd/N/name` is `openat(N, name)`), in bytes. What
 * lies deep is moved up first, so neither the depth of a tree nor the length of
 * its paths has a limit. Where there is no `/proc`: see {@link Directory}.
 */
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import * as Cooperate from "./Cooperate.ts"
import { codeOf } from "./IoError.ts"
import { hasProc, isLink } from "./System.ts"

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = Fs.constants

/** Names removed between two chances to stop. */
const BATCH = 64

/** How often a directory is looked through again that somebody fills while it is emptied. */
const TRIES = 3

/** Removes a tree that is needed no more; what cannot be removed is left to whoever sweeps there next. */
export const remove = (path: string): Effect.Effect<void> => asFarAsPossible(() => removeTree(path))

/** Removing, to its end or to the first failure, which is nobody's concern. */
export const asFarAsPossible = (work: () => Cooperate.Work): Effect.Effect<void> =>
  Cooperate.run(work, (error) => error).pipe(Effect.ignore, Effect.uninterruptible)

/**
 * Removes what is at `path`, if there is anything; a link there is not followed,
 * but those on the way are. Throws Node's errors.
 */
export function* removeTree(path: string): Generator<void, void, void> {
  let top: Directory
  try {
    top = open(Buffer.from(path))
  } catch (error) {
    const code = codeOf(error)
    if (code === "ENOENT") return
    if (code !== "ENOTDIR" && !isLink(code)) throw error
    return Fs.rmSync(path, { force: true })
  }
  const failures: Array<unknown> = []
  try {
    yield* empty(top, failures)
  } finally {
    Fs.closeSync(top.fd)
  }
  // What cannot be removed keeps nothing else from it.
  if (failures.length > 0) throw failures[0]
  Fs.rmdirSync(path)
}

/**
 * An open directory, and what reaches the directory itself. That is its path
 * where descriptors have none of their own: then whoever may write to a
 * directory on the way could put a link in its place between two calls. No one
 * can who is dead, and on such systems a step's processes are dead, or its file
 * system is unmounted, before anything of it is removed.
 */
interface Directory {
  readonly fd: number
  readonly handle: Buffer
}

const open = (path: Buffer): Directory => {
  const fd = Fs.openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  return { fd, handle: hasProc() ? Buffer.from(`/proc/self/fd/${fd}`) : path }
}

function* empty(top: Directory, failures: Array<unknown>): Generator<void, void, void> {
  const moved = `.${randomBytes(8).toString("hex")}-`
  let count = 0
  /** Directories in `top` that are still to be emptied. */
  const pending: Array<Buffer> = []
  for (let tries = 0; tries < TRIES; tries++) {
    yield* each(top, failures, (name) => pending.push(name))
    if (pending.length === 0) return
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      const path = within(top, name)
      yield* emptied(path, failures, (inner) => {
        const up = Buffer.from(`${moved}${++count}`)
        Fs.renameSync(inner, within(top, up))
        pending.push(up)
      })
      // Filled again in the meantime: the next look finds it.
      noting(failures, ["ENOENT", "ENOTEMPTY", "ENOTDIR"], () => Fs.rmdirSync(path))
    }
  }
}

/** Removes what a directory holds; directories in it that are not empty are given to `move`. */
function* emptied(path: Buffer, failures: Array<unknown>, move: (path: Buffer) => void): Generator<void, void, void> {
  // Where something else is there by now, the next look finds it.
  const directory = noting(failures, ["ENOENT", "ENOTDIR", "ELOOP", "EMLINK"], () => open(path))
  if (directory === undefined) return
  try {
    yield* each(directory, failures, (name) => {
      const inner = within(directory, name)
      try {
        Fs.rmdirSync(inner)
      } catch (error) {
        if (codeOf(error) !== "ENOTEMPTY") throw error
        move(inner)
      }
    })
  } finally {
    Fs.closeSync(directory.fd)
  }
}

/** Removes what is no directory; tells the names of the others. */
function* each(
  directory: Directory,
  failures: Array<unknown>,
  onDirectory: (name: Buffer) => void
): Generator<void, void, void> {
  let count = 0
  for (const entry of Fs.readdirSync(directory.handle, { encoding: "buffer", withFileTypes: true })) {
    // A directory that has taken a file's place is found by the next look.
    noting(failures, ["ENOENT", "ENOTDIR", "EISDIR"], () => {
      if (entry.isDirectory()) onDirectory(entry.name)
      else Fs.unlinkSync(within(directory, entry.name))
    })
    if (++count % BATCH === 0) yield
  }
}

const SLASH = Buffer.from("/")

const within = ({ handle }: Directory, name: Buffer): Buffer => Buffer.concat([handle, SLASH, name])

/** Does something unless somebody else was faster, which shows in these errors; others are noted. */
const noting = <A>(failures: Array<unknown>, codes: ReadonlyArray<string>, work: () => A): A | undefined => {
  try {
    return work()
  } catch (error) {
    if (!codes.includes(codeOf(error) ?? "")) failures.push(error)
    return undefined
  }
}
