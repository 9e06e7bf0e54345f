/**
 * Which results were made on another one: an id a line, the newest last, in a
 * file beside that one; and which bases there were, in a file of the store.
 * It only serves to say why a step is not cached: who cannot write it goes
 * without, and what it names may be gone.
 */
import * as Fs from "node:fs"
import { StepId } from "../../../domain/Digest.ts"
import { MOST_CHILDREN } from "../../Store.ts"

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = Fs.constants

/** Neither waits for who is at the other end of a pipe, nor goes where a link leads. */
const SAFELY = O_NOFOLLOW | O_NONBLOCK

const LINE = 65

/** Bytes above which a file is cut to what is read of it. */
const LARGE = 100_000

const ID_LINE = /^[0-9a-f]{64}$/

/** Adds a line, in one write, so that processes do not disturb each other. `temporary` is a path on the same file system. */
export const add = (file: string, id: StepId, temporary: string): void => {
  try {
    const fd = Fs.openSync(file, O_WRONLY | O_APPEND | O_CREAT | SAFELY, 0o600)
    let size: number
    try {
      if (!Fs.fstatSync(fd).isFile()) return
      Fs.writeSync(fd, `${id}\n`)
      size = Fs.fstatSync(fd).size
    } finally {
      Fs.closeSync(fd)
    }
    if (size > LARGE) cut(file, temporary)
  } catch {
    return
  }
}

/** What somebody else adds in the meantime may be lost. */
const cut = (file: string, temporary: string): void => {
  Fs.writeFileSync(
    temporary,
    lastLines(file)
      .map((line) => `${line}\n`)
      .join(""),
    { mode: 0o600 }
  )
  Fs.renameSync(temporary, file)
}

/** The last ones, the newest first, each once. */
export const newest = (file: string): ReadonlyArray<StepId> =>
  [...new Set(lastLines(file).reverse())]
    .slice(0, MOST_CHILDREN)
    .map((line) => StepId.make(line, { disableValidation: true }))

/** The ids that are read of a file, however large it is; none where there is no such file. */
const lastLines = (file: string): Array<string> => {
  let fd: number
  try {
    fd = Fs.openSync(file, O_RDONLY | SAFELY)
  } catch {
    return []
  }
  try {
    const stats = Fs.fstatSync(fd)
    if (!stats.isFile()) return []
    const length = 2 * MOST_CHILDREN * LINE
    const data = Buffer.alloc(length)
    const read = Fs.readSync(fd, data, 0, length, Math.max(0, stats.size - length))
    const lines = data.toString("latin1", 0, read).split("\n")
    // A line that was not written to its end, or is cut here, is no id.
    return lines.filter((line) => ID_LINE.test(line))
  } finally {
    Fs.closeSync(fd)
  }
}
