/**
 * Reads a list of what to leave out. One that is there and cannot be used is an
 * error: files that it names would go into images without a word.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { codeOf } from "./IoError.ts"
import { OpenTree } from "./OpenTree.ts"

/** In bytes: what is not larger than this is a list that somebody wrote. */
const LARGEST = 2_000_000

/** Its message is a phrase that names the list. */
export class UnusableIgnoreFile extends Error {
  constructor(name: string, why: string) {
    super(`the list ${JSON.stringify(name)} ${why}`)
  }
}

export interface IgnoreFile {
  /** Absolute. */
  readonly directory: string
  /** In that directory. */
  readonly name: string
  /** Where links may lead to, besides the directory itself: an absolute path. */
  readonly context: string
}

/** The list's bytes; `undefined` only where there is nothing of that name. Throws `UnusableIgnoreFile` and Node's errors. */
export const ignoreFile = ({ context, directory, name }: IgnoreFile): Uint8Array | undefined => {
  const path = Path.join(directory, name)
  if (!isThere(path)) return undefined
  const real = realPath(path)
  if (real === undefined) throw new UnusableIgnoreFile(name, "is a link that leads to nothing")
  const root = [directory, context].map((one) => realPath(one)).find((one) => one !== undefined && isIn(real, one))
  if (root === undefined) throw new UnusableIgnoreFile(name, "is a link that leads out of the source directory")
  const files = new OpenTree(root)
  try {
    // What was looked at may change; no link is followed from here on.
    const fd = files.file(Path.relative(root, real))
    try {
      const stats = Fs.fstatSync(fd)
      if (!stats.isFile()) throw new UnusableIgnoreFile(name, "is no regular file")
      if (stats.size > LARGEST) throw new UnusableIgnoreFile(name, `is larger than ${LARGEST} bytes`)
      return Fs.readFileSync(fd)
    } finally {
      Fs.closeSync(fd)
    }
  } catch (error) {
    // A socket cannot be opened.
    if (codeOf(error) === "ENXIO") throw new UnusableIgnoreFile(name, "is no regular file")
    throw error
  } finally {
    files.close()
  }
}

const isIn = (path: string, directory: string): boolean => path.startsWith(directory === "/" ? "/" : `${directory}/`)

const isThere = (path: string): boolean => {
  try {
    return Fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined
  } catch (error) {
    if (codeOf(error) === "ENOTDIR") return false
    throw error
  }
}

/** Without links; `undefined` where they lead to nothing, or round in circles. */
const realPath = (path: string): string | undefined => {
  try {
    return Fs.realpathSync(path)
  } catch (error) {
    const code = codeOf(error)
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return undefined
    throw error
  }
}
