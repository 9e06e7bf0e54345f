/**
 * Merges a stack of overlayfs layers into one new directory, by hard links: no
 * content is copied. What the merged layers hide of layers still below them
 * stays hidden, unless they are the bottom of the stack. Names are bytes here,
 * which need not be UTF-8.
 */
import * as Fs from "node:fs"
import { codeOf } from "./IoError.ts"
import { isOpaque, isWhiteout, opaqueAttribute } from "./LayeredTree.ts"
import { makeDevice, makeNode, setXattr } from "./Libc.ts"
import { copyAttributes } from "./Metadata.ts"

/** Merges `layers` (topmost first) into `target`, an empty directory. Yields between directories. */
export function* mergeLayers(
  layers: ReadonlyArray<string>,
  target: string,
  options: { readonly bottom: boolean }
): Generator<void, void, void> {
  const attributes: Array<readonly [from: Buffer, to: Buffer]> = []
  const pending: Array<{ readonly parts: ReadonlyArray<Buffer>; readonly to: Buffer }> = [
    { parts: layers.map((layer) => Buffer.from(layer)), to: Buffer.from(target) }
  ]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { parts, to } = next
    for (const name of new Set(parts.flatMap((part) => Fs.readdirSync(part, { encoding: "latin1" })))) {
      const path = within(to, name)
      const { top, merged, cut } = look(parts, name)
      if (merged.length > 0) {
        Fs.mkdirSync(path, 0o700)
        if (cut && !options.bottom) setXattr(path, opaqueAttribute.name, opaqueAttribute.value)
        pending.push({ parts: merged, to: path })
      } else if (!isWhiteout(top.stats)) {
        link(top.path, path, top.stats)
      } else if (!options.bottom) {
        makeNode(path, Fs.constants.S_IFCHR, makeDevice(0, 0))
      }
    }
    const [first] = parts
    if (first !== undefined) attributes.push([first, to])
    yield
  }
  // Directories last and innermost first: filling them changes their times.
  for (let pair = attributes.pop(); pair !== undefined; pair = attributes.pop()) {
    const [from, to] = pair
    copyAttributes(from, to, Fs.lstatSync(from))
  }
}

/** A name is a directory's bytes, one a character. */
const within = (directory: Buffer, name: string): Buffer =>
  Buffer.concat([directory, Buffer.from(`/${name}`, "latin1")])

interface Look {
  readonly top: { readonly path: Buffer; readonly stats: Fs.Stats }
  /** The directories that merge, topmost first; empty when the topmost entry is none. */
  readonly merged: Array<Buffer>
  /** Something among the layers hides what is below the last of them. */
  readonly cut: boolean
}

const look = (parts: ReadonlyArray<Buffer>, name: string): Look => {
  let top: Look["top"] | undefined
  const merged: Array<Buffer> = []
  let cut = false
  for (const part of parts) {
    const path = within(part, name)
    const stats = Fs.lstatSync(path, { throwIfNoEntry: false })
    if (stats === undefined) continue
    top ??= { path, stats }
    if (!stats.isDirectory()) {
      cut = true
      break
    }
    merged.push(path)
    if (isOpaque(path)) {
      cut = true
      break
    }
  }
  if (top === undefined) throw new Error(`"${name}" went while layers were being merged`)
  return { top, merged, cut }
}

const link = (from: Buffer, to: Buffer, stats: Fs.Stats): void => {
  try {
    Fs.linkSync(from, to)
  } catch (error) {
    // The file system allows no more links to it: a copy serves as well.
    if (codeOf(error) !== "EMLINK" || !stats.isFile()) throw error
    Fs.copyFileSync(from, to, Fs.constants.COPYFILE_EXCL)
    copyAttributes(from, to, stats)
  }
}
