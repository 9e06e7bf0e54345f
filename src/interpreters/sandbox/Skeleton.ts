/**
 * Makes the mount points that an image lacks, so that nothing of them stays.
 *
 * For an overlay they are a layer of their own, on top of the lower ones, which
 * is there for one run and not part of any result. On top, because what a layer
 * deleted hides what is below it. A directory of that layer that exists in the
 * image has the image's attributes, since the topmost layer's are those seen.
 *
 * In a plain directory they are made in place and removed afterwards.
 */
import * as Fs from "node:fs"
import { components, type LayeredTree } from "../host/LayeredTree.ts"
import { copyAttributes } from "../host/Metadata.ts"
import type { MissingPoint } from "./MountPoints.ts"

const DIRECTORY_MODE = 0o755
const FILE_MODE = 0o644

/** Node's times are floating-point numbers, so that setting one loses some nanoseconds. */
const SAME_TIME_MS = 0.01

/** Layers of mount points, kept for the runs to come: most images of a build lack the same ones. */
export class Layers {
  private readonly made = new Map<string, string>()

  /** The path of such a layer, in a directory on the file system of the other layers. */
  get(directory: string, tree: LayeredTree, points: ReadonlyArray<MissingPoint>): string {
    const key = JSON.stringify([directory, points, pointParents(points).map((path) => stampOf(tree, path))])
    const known = this.made.get(key)
    if (known !== undefined && Fs.existsSync(known)) return known
    const path = Fs.mkdtempSync(`${directory}/mount-points-`)
    Fs.chmodSync(path, DIRECTORY_MODE)
    fillLayer(path, tree, points)
    this.made.set(key, path)
    return path
  }
}

const pointParents = (points: ReadonlyArray<MissingPoint>): ReadonlyArray<string> => {
  const parents = new Set<string>()
  for (const { path } of points) walk(path, (at, last) => last || parents.add(at))
  return [...parents]
}

/** What tells a directory of the image from others, and from itself after any change of its attributes. */
const stampOf = (tree: LayeredTree, path: string): string => {
  const entry = tree.lookup(path)
  return entry === undefined ? "" : `${entry.stats.dev}:${entry.stats.ino}:${entry.stats.ctimeMs}`
}

/** Makes a layer of them, a new directory `path` on the file system of the other layers. */
export const makeLayer = (path: string, tree: LayeredTree, points: ReadonlyArray<MissingPoint>): void => {
  makeDirectory(path)
  fillLayer(path, tree, points)
}

const fillLayer = (path: string, tree: LayeredTree, points: ReadonlyArray<MissingPoint>): void => {
  const existing: Array<() => void> = []
  for (const { path: point, kind } of points) {
    walk(point, (at, last) => {
      const made = path + at
      if (Fs.existsSync(made)) return
      if (last && kind === "file") return makeFile(made)
      makeDirectory(made)
      const entry = tree.lookup(at)
      if (entry !== undefined) existing.push(() => copyAttributes(entry.hostPath, made, entry.stats))
    })
  }
  // When they are full, the deepest first: filling changes their times.
  for (const apply of existing.reverse()) apply()
}

/** Removes such a layer. Not with `rmSync`, which takes several times as long for a few entries. */
export const removeLayer = (path: string): void => {
  for (const entry of Fs.readdirSync(path, { withFileTypes: true })) {
    const child = `${path}/${entry.name}`
    if (entry.isDirectory()) removeLayer(child)
    else Fs.unlinkSync(child)
  }
  Fs.rmdirSync(path)
}

/** Makes them in a directory; adds to `undo` what removes again, from the last to the first, what nobody has used. */
export const makeInPlace = (root: string, points: ReadonlyArray<MissingPoint>, undo: Array<() => void>): void => {
  for (const { path: point, kind } of points) {
    walk(point, (at, last) => {
      const made = root + at
      if (Fs.lstatSync(made, { throwIfNoEntry: false }) !== undefined) return
      const parent = made.slice(0, made.lastIndexOf("/"))
      const before = Fs.statSync(parent)
      const file = last && kind === "file"
      if (file) makeFile(made)
      else makeDirectory(made)
      const { mtimeMs } = Fs.statSync(parent)
      undo.push(() => {
        // The step may have put a link in the place of a directory on the way, which must lead nowhere.
        if (!isReached(root, parent)) return
        const after = Fs.statSync(parent)
        const untouched = Math.abs(after.mtimeMs - mtimeMs) < SAME_TIME_MS
        if (file ? !removeEmptyFile(made) : !removeEmptyDirectory(made)) return
        // The times that the directory would have without the mount point. In seconds: a `Date` has only milliseconds.
        const { atimeMs, mtimeMs: time } = untouched ? before : after
        Fs.utimesSync(parent, atimeMs / 1000, time / 1000)
      })
    })
  }
}

/** Whether a path below `root` leads through nothing but directories. */
export const isReached = (root: string, path: string): boolean => {
  let at = root
  for (const name of components(path.slice(root.length))) {
    at += `/${name}`
    if (Fs.lstatSync(at, { throwIfNoEntry: false })?.isDirectory() !== true) return false
  }
  return true
}

/** Calls `visit` for every directory on the way to a path, and for itself. */
const walk = (path: string, visit: (at: string, last: boolean) => unknown): void => {
  const names = components(path)
  for (let length = 1; length <= names.length; length++) {
    visit(`/${names.slice(0, length).join("/")}`, length === names.length)
  }
}

const makeDirectory = (path: string): void => {
  Fs.mkdirSync(path)
  // Whatever the umask.
  Fs.chmodSync(path, DIRECTORY_MODE)
}

const makeFile = (path: string): void => {
  Fs.writeFileSync(path, "", { flag: "wx" })
  Fs.chmodSync(path, FILE_MODE)
}

const removeEmptyDirectory = (path: string): boolean => {
  try {
    Fs.rmdirSync(path)
    return true
  } catch {
    // The step has put something there, or removed it itself.
    return false
  }
}

const removeEmptyFile = (path: string): boolean => {
  const stats = Fs.lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined || !stats.isFile() || stats.size > 0) return false
  Fs.unlinkSync(path)
  return true
}
