/**
 * What tells an unchanged tree from a changed one, without reading its files.
 *
 * In the form of a file's status, for a memo of digests. Whatever is changed in
 * a tree, names and extended attributes too, changes the change time of an
 * entry, and the latest of them with it, as long as the clock does not go back.
 * For when it did, and for images of file systems that were made with times of
 * their own, there is a checksum over everything.
 */
import * as Fs from "node:fs"

export interface TreeStamp {
  /** None that a file can have. */
  readonly dev: number
  /** The root directory's. */
  readonly ino: number
  /** How many entries there are. */
  readonly size: number
  /** The latest change time. */
  readonly mtimeMs: number
  /** Small enough for a time that has passed. */
  readonly ctimeMs: number
}

/** Entries between two chances to stop. */
const BATCH = 64

/** FNV-1a's, http://www.isthe.com/chongo/tech/comp/fnv/ */
const PRIME = 0x01000193

/** The stamp of a directory; `undefined` for one with names that are not UTF-8. */
export function* of(root: string): Generator<void, TreeStamp | undefined, void> {
  const numbers = new Float64Array(9)
  const words = new Uint32Array(numbers.buffer)
  // Two runs over words, which see different bits of each.
  let a = 0
  let b = 0
  const add = (word: number): void => {
    a = Math.imul(a ^ word, PRIME)
    b = Math.imul((b + 1) ^ (word >>> 7) ^ (word << 25), PRIME)
  }
  let latest = 0
  let size = 0
  const look = (stats: Fs.Stats): void => {
    const { ctimeMs, dev, gid, ino, mode, mtimeMs, rdev, uid } = stats
    numbers.set([dev, ino, mode, uid, gid, rdev, stats.size, mtimeMs, ctimeMs])
    for (let at = 0; at < words.length; at++) add(words[at] ?? 0)
    if (ctimeMs > latest) latest = ctimeMs
    size++
  }
  const top = Fs.statSync(root)
  look(top)
  const pending = [root]
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    for (const name of Fs.readdirSync(directory)) {
      if (name.includes("\uFFFD")) return undefined
      const path = `${directory}/${name}`
      const stats = Fs.lstatSync(path)
      look(stats)
      for (let at = 0; at < name.length; at++) add(name.charCodeAt(at))
      if (stats.isDirectory()) pending.push(path)
      if (size % BATCH === 0) yield
    }
  }
  return { dev: -1 - (a >>> 0), ino: top.ino, size, mtimeMs: latest, ctimeMs: b >>> 0 }
}
