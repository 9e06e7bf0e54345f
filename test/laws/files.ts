/** How a law fills and looks into a root file system without a sandbox: what a step's command would do to it. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import { isWhiteout, LayeredTree } from "../../src/interpreters/host/LayeredTree.ts"
import { makeDevice, makeNode } from "../../src/interpreters/host/Libc.ts"
import { copyAttributes } from "../../src/interpreters/host/Metadata.ts"
import * as FileTree from "../../src/interpreters/memory/FileTree.ts"
import { fromRootfs, type TreeCell } from "../../src/interpreters/memory/MemoryRootfs.ts"
import type { Rootfs } from "../../src/interpreters/Rootfs.ts"

export type Entries = Readonly<Record<string, FileTree.TreeInput>>

/** Paths are taken as they stand: no links are followed. */
export interface Files {
  /** Makes these entries, in place of what is there; a directory that is there takes the mode and owner. */
  readonly put: (rootfs: Rootfs, entries: Entries) => Effect.Effect<void>
  readonly remove: (rootfs: Rootfs, path: string) => Effect.Effect<void>
  /** What is there, as {@link Described}; `undefined` where nothing is. */
  readonly describe: (rootfs: Rootfs, path: string) => Effect.Effect<Described | undefined>
}

/** An entry in one line, e.g. `file 0644 0:0 text`, `directory 0755 1000:1000`, `link 0:0 target`. */
export type Described = string

export const describeFile = (mode: number, owner: FileTree.Owner, text: string): Described =>
  `file ${octal(mode)} ${owner.uid}:${owner.gid} ${text}`

export const describeDirectory = (mode: number, owner: FileTree.Owner): Described =>
  `directory ${octal(mode)} ${owner.uid}:${owner.gid}`

export const describeLink = (owner: FileTree.Owner, target: string): Described =>
  `link ${owner.uid}:${owner.gid} ${target}`

const octal = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, "0")

const cellOf = (rootfs: Rootfs): TreeCell =>
  Option.getOrThrowWith(fromRootfs(rootfs), () => new Error("not a root file system in memory"))

/** For the store in memory. */
export const memoryFiles: Files = {
  put: (rootfs, entries) =>
    Effect.sync(() => {
      const cell = cellOf(rootfs)
      for (const [path, input] of Object.entries(entries)) {
        const names = FileTree.components(path)
        const node = FileTree.lookup(FileTree.make({ [path]: input }), names)
        const above = FileTree.join(names.slice(0, -1))
        const { tree } = Effect.runSync(FileTree.makeDirectories(cell.tree, above, FileTree.rootOwner))
        cell.tree = FileTree.update(tree, names, (existing) =>
          existing?._tag === "Directory" && node?._tag === "Directory" ? { ...node, entries: existing.entries } : node
        )
      }
    }),
  remove: (rootfs, path) =>
    Effect.sync(() => {
      const cell = cellOf(rootfs)
      cell.tree = FileTree.update(cell.tree, FileTree.components(path), () => undefined)
    }),
  describe: (rootfs, path) =>
    Effect.sync(() => {
      const node = FileTree.lookup(cellOf(rootfs).tree, FileTree.components(path))
      switch (node?._tag) {
        case undefined:
          return undefined
        case "Directory":
          return describeDirectory(node.mode, node)
        case "Link":
          return describeLink(node, node.target)
        case "File":
          return describeFile(node.mode, node, new TextDecoder().decode(node.content))
        case "Special":
          return "special"
      }
    })
}

/** The layers of a root file system on the host, topmost first. */
const layersOf = (rootfs: Rootfs): readonly [string, ...Array<string>] => {
  switch (rootfs._tag) {
    case "Directory":
      return [rootfs.path]
    case "Overlay":
      return [rootfs.upper, ...rootfs.lower]
    case "Opaque":
      throw new Error(`the laws cannot look into a root file system of ${rootfs.backend}`)
  }
}

/** For stores on the host's file system: writes to the topmost layer what the kernel would write there. */
export const hostFiles: Files = {
  put: (rootfs, entries) =>
    Effect.sync(() => {
      const layers = layersOf(rootfs)
      for (const [path, input] of Object.entries(entries)) {
        const names = FileTree.components(path)
        const node = FileTree.lookup(FileTree.make({ [path]: input }), names)
        const [upper] = layers
        for (let depth = 1; depth < names.length; depth++) copyUp(layers, names.slice(0, depth))
        if (node !== undefined) putNode(layers, names, `${upper}/${names.join("/")}`, node)
      }
    }),
  remove: (rootfs, path) =>
    Effect.sync(() => {
      const layers = layersOf(rootfs)
      const [upper, ...lower] = layers
      const names = FileTree.components(path)
      for (let depth = 1; depth < names.length; depth++) copyUp(layers, names.slice(0, depth))
      const at = `${upper}/${names.join("/")}`
      Fs.rmSync(at, { recursive: true, force: true })
      const isBelow = lower.length > 0 && new LayeredTree(lower).lookup(path) !== undefined
      if (isBelow) makeNode(at, Fs.constants.S_IFCHR, makeDevice(0, 0))
    }),
  describe: (rootfs, path) =>
    Effect.sync(() => {
      const entry = new LayeredTree(layersOf(rootfs)).lookup(path)
      switch (entry?.kind) {
        case undefined:
          return undefined
        case "directory":
          return describeDirectory(entry.stats.mode, entry.stats)
        case "link":
          return describeLink(entry.stats, Fs.readlinkSync(entry.hostPath))
        case "file":
          return describeFile(entry.stats.mode, entry.stats, Fs.readFileSync(entry.hostPath, "utf8"))
        case "other":
          return "special"
      }
    })
}

/** Makes a directory in the topmost layer, with the attributes that it has in the image. */
const copyUp = (layers: readonly [string, ...Array<string>], names: ReadonlyArray<string>): void => {
  const at = `${layers[0]}/${names.join("/")}`
  const existing = new LayeredTree(layers).lookup(names.join("/"))
  if (existing?.hostPath === at) return
  Fs.rmSync(at, { force: true })
  Fs.mkdirSync(at, { mode: 0o755 })
  if (existing !== undefined) copyAttributes(existing.hostPath, at, existing.stats)
}

const putNode = (
  layers: readonly [string, ...Array<string>],
  names: ReadonlyArray<string>,
  at: string,
  node: FileTree.Node
): void => {
  const present = Fs.lstatSync(at, { throwIfNoEntry: false })
  if (node._tag === "Directory") {
    if (present !== undefined && isWhiteout(present)) Fs.rmSync(at)
    copyUp(layers, names)
  } else if (present !== undefined) {
    Fs.rmSync(at, { recursive: true })
  }
  if (node._tag === "File") Fs.writeFileSync(at, node.content)
  if (node._tag === "Special") makeNode(at, Fs.constants.S_IFIFO | node.mode, 0n)
  if (node._tag === "Link") Fs.symlinkSync(node.target, at)
  Fs.lchownSync(at, node.uid, node.gid)
  if (node._tag !== "Link") Fs.chmodSync(at, node.mode)
}
