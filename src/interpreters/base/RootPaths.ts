/**
 * Paths of an archive, resolved inside a directory as `chroot` would: links on
 * the way are followed within it, `..` ends at it, and nothing leads out.
 *
 * Nobody else may change the directory in the meantime, which holds for one in
 * which a store makes a new result.
 */
import * as Fs from "node:fs"
import { problem } from "./ImageProblem.ts"
import { quote } from "./TarHeaders.ts"

/** As many links as Linux follows in one path. */
const MAX_LINKS = 40
/** Linux's PATH_MAX, less the closing zero. */
const MAX_NAME = 4095
const MAX_REMEMBERED = 20_000

/**
 * The components of an archive's name, relative to the root however it is
 * written. Throws an `ImageProblem` at `..`, which no sound archive has, and at
 * a name that is longer than a path can be.
 */
export const components = (name: string): ReadonlyArray<string> => {
  if (Buffer.byteLength(name) > MAX_NAME) throw problem(`the tar has a name longer than ${MAX_NAME} bytes`)
  const parts = name.split("/").filter((part) => part !== "" && part !== ".")
  if (parts.includes("..")) throw problem(`the tar has the name ${quote(name)}, which leads out of its directory`)
  return parts
}

export class RootPaths {
  readonly #root: string
  readonly #created: (path: string) => void
  /** Directories by the names that led to them, until something that could be on the way goes. */
  readonly #known = new Map<string, string>()

  /** `created` is told of each directory that had to be made. */
  constructor(root: string, created: (path: string) => void) {
    this.#root = root
    this.#created = created
  }

  /** Forgets what names led to; to be called when a directory or a link is removed. */
  forget(): void {
    this.#known.clear()
  }

  /** The host's path of a directory of the image, which is made where it is missing (0755, root's). */
  directory(parts: ReadonlyArray<string>): string {
    const path = this.#resolve(parts, true)
    if (path === undefined) throw problem(`there is no directory ${quote(parts.join("/"))}`)
    return path
  }

  /** The host's path of a directory of the image, if it is there. */
  find(parts: ReadonlyArray<string>): string | undefined {
    return this.#resolve(parts, false)
  }

  #resolve(parts: ReadonlyArray<string>, create: boolean): string | undefined {
    const key = parts.join("/")
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const todo = parts.toReversed()
    // Real directories only, so that going back one of them is what `..` means.
    const done = [this.#root]
    let links = 0
    for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
      if (part === "" || part === ".") continue
      if (part === "..") {
        if (done.length > 1) done.pop()
        continue
      }
      const path = `${done.at(-1) ?? this.#root}/${part}`
      const stats = Fs.lstatSync(path, { throwIfNoEntry: false })
      if (stats === undefined) {
        if (!create) return undefined
        Fs.mkdirSync(path)
        Fs.lchownSync(path, 0, 0)
        Fs.chmodSync(path, 0o755)
        this.#created(path)
        done.push(path)
      } else if (stats.isDirectory()) {
        done.push(path)
      } else if (stats.isSymbolicLink()) {
        if (++links > MAX_LINKS) {
          if (!create) return undefined
          throw problem(`the image's links go round in circles at ${quote(key)}`)
        }
        const target = Fs.readlinkSync(path)
        if (target.startsWith("/")) done.length = 1
        todo.push(...target.split("/").toReversed())
      } else if (create) {
        throw problem(`the image has something below ${quote(path.slice(this.#root.length))}, which is not a directory`)
      } else {
        return undefined
      }
    }
    const found = done.at(-1) ?? this.#root
    if (this.#known.size >= MAX_REMEMBERED) this.#known.clear()
    this.#known.set(key, found)
    return found
  }
}
