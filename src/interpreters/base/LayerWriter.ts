/**
 * Applies an image's layers to a directory, entry by entry, by the rules of
 * image-spec 1.1's `layer.md`: whiteouts hide what lower layers have, an entry
 * replaces what has its name, and a directory on a directory changes its
 * attributes alone.
 *
 * Images are not trusted: see {@link RootPaths}. Everything is synchronous and
 * throws `ImageProblem`s and errors of the system; whoever uses this throws
 * the directory away when it does, and calls `dispose` in any case.
 */
import * as Fs from "node:fs"
import { removeXattr, setXattr } from "../host/Libc.ts"
import * as EntryWriter from "./EntryWriter.ts"
import { problem } from "./ImageProblem.ts"
import { components, RootPaths } from "./RootPaths.ts"
import { quote, type TarEntry } from "./TarHeaders.ts"
import type { TarVisitor } from "./TarReader.ts"
import { DEFAULT_ACL } from "../host/Xattrs.ts"

const WHITEOUT = ".wh."
/** Of AUFS: the opaque mark, and files of its own that mean nothing here. */
const AUFS = ".wh..wh."
const OPAQUE = ".wh..wh..opq"

/** What a directory gets when everything is in place. */
interface Pending {
  readonly mtime: number
  readonly defaultAcl: Uint8Array | undefined
  /** To be removed should a later layer have the directory again. */
  readonly xattrs: ReadonlyArray<string>
}

/** Of a directory that no entry is about: the same whenever it is unpacked. */
const implied: Pending = { mtime: 0, defaultAcl: undefined, xattrs: [] }

export interface LayerWriterOptions {
  /** An existing directory, empty, by its absolute path. */
  readonly root: string
  /** Entries of all layers together. */
  readonly maxEntries: number
}

export class LayerWriter implements TarVisitor {
  readonly #root: string
  readonly #maxEntries: number
  readonly #paths: RootPaths
  #entries = 0
  #open: EntryWriter.OpenFile | undefined
  /** By paths on the host. */
  readonly #directories = new Map<string, Pending>()
  /** Layers have whiteouts; a plain tar of a root file system has not. */
  #whiteouts = false
  /** What this layer made, by paths on the host; not kept for the lowest one, below which nothing is. */
  #made: Set<string> | undefined

  constructor(options: LayerWriterOptions) {
    this.#root = options.root
    this.#maxEntries = options.maxEntries
    this.#paths = new RootPaths(options.root, (path) => {
      this.#directories.set(path, implied)
      this.#remember(path)
    })
    this.#directories.set(this.#root, implied)
    Fs.lchownSync(this.#root, 0, 0)
    Fs.chmodSync(this.#root, 0o755)
  }

  /** What comes now belongs to a layer, or to a tar without whiteouts. */
  begin(kind: "lowest" | "layer" | "tar"): void {
    this.#whiteouts = kind !== "tar"
    this.#made = kind === "layer" ? new Set() : undefined
  }

  entry(entry: TarEntry): void {
    if (++this.#entries > this.#maxEntries) {
      throw problem(`the base holds more than ${this.#maxEntries} entries`, "raise the limit if that is meant")
    }
    const parts = components(entry.path)
    const name = parts.at(-1)
    if (name === undefined) return this.#rootEntry(entry)
    if (this.#whiteouts && parts.some((part) => part.startsWith(WHITEOUT))) return this.#whiteout(entry, parts, name)
    const path = `${this.#paths.directory(parts.slice(0, -1))}/${name}`
    const existing = Fs.lstatSync(path, { throwIfNoEntry: false })
    if (entry.type === "Directory") {
      const exists = existing?.isDirectory() === true
      if (!exists) this.#remove(path, existing)
      this.#directory(path, entry, exists)
    } else if (entry.type === "HardLink") {
      this.#hardLink(path, entry, existing)
    } else {
      this.#remove(path, existing)
      if (entry.type === "File") this.#open = EntryWriter.openFile(path, entry)
      else if (entry.type === "Symlink") EntryWriter.makeSymlink(path, entry)
      else EntryWriter.makeSpecial(path, entry)
    }
    this.#remember(path)
  }

  data(chunk: Uint8Array): void {
    if (this.#open !== undefined) EntryWriter.writeFile(this.#open, chunk)
  }

  end(): void {
    if (this.#open === undefined) return
    EntryWriter.finishFile(this.#open)
    this.dispose()
  }

  /** Gives the directories their times, when all layers have been applied. */
  finish(): void {
    for (const [path, pending] of this.#directories) {
      // What an entry named may since have become something else, or a way to somewhere else.
      const parts = path.slice(this.#root.length).split("/")
      if (this.#paths.find(parts) !== path) continue
      if (pending.defaultAcl !== undefined) setXattr(path, DEFAULT_ACL, pending.defaultAcl)
      EntryWriter.setTime(path, pending)
    }
  }

  /** Closes the file that is being written, if there is one. */
  dispose(): void {
    if (this.#open === undefined) return
    const { fd } = this.#open
    this.#open = undefined
    Fs.closeSync(fd)
  }

  #rootEntry(entry: TarEntry): void {
    if (entry.type !== "Directory") throw problem("the tar has a root that is not a directory")
    this.#directory(this.#root, entry, true)
  }

  #directory(path: string, entry: TarEntry, exists: boolean): void {
    if (exists) for (const name of this.#directories.get(path)?.xattrs ?? []) removeXattr(path, name)
    EntryWriter.makeDirectory(path, entry, exists)
    this.#directories.set(path, {
      mtime: entry.mtime,
      defaultAcl: entry.xattrs.find((xattr) => xattr.name === DEFAULT_ACL)?.value,
      xattrs: entry.xattrs.map((xattr) => xattr.name)
    })
  }

  #hardLink(path: string, entry: TarEntry, existing: Fs.Stats | undefined): void {
    const parts = components(entry.target)
    const directory = this.#paths.find(parts.slice(0, -1))
    const source = `${directory ?? ""}/${parts.at(-1) ?? ""}`
    const stats =
      directory === undefined || parts.length === 0 ? undefined : Fs.lstatSync(source, { throwIfNoEntry: false })
    if (stats === undefined || stats.isDirectory()) {
      const why = stats === undefined ? "is not there" : "is a directory"
      throw problem(`the tar has ${quote(entry.path)} as another name of ${quote(entry.target)}, which ${why}`)
    }
    if (source === path) return
    this.#remove(path, existing)
    Fs.linkSync(source, path)
  }

  #whiteout(entry: TarEntry, parts: ReadonlyArray<string>, name: string): void {
    const parents = parts.slice(0, -1)
    if (name === OPAQUE && !parents.some((part) => part.startsWith(WHITEOUT))) {
      const path = this.#paths.find(parents)
      if (path !== undefined) this.#hideChildren(path)
      return
    }
    if (parts.some((part) => part.startsWith(AUFS))) return
    const hidden = name.slice(WHITEOUT.length)
    if (parents.some((part) => part.startsWith(WHITEOUT)) || !name.startsWith(WHITEOUT) || /^\.{0,2}$/.test(hidden)) {
      throw problem(`the layer has the name ${quote(entry.path)}, which is no whiteout, and may not be anything else`)
    }
    const parent = this.#paths.find(parents)
    if (parent !== undefined) this.#hide(`${parent}/${hidden}`)
  }

  /** Removes what lower layers have there, and leaves what this one has. */
  #hide(path: string): void {
    const stats = Fs.lstatSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return
    if (this.#isOwn(path)) {
      if (stats.isDirectory()) this.#hideChildren(path)
    } else {
      this.#remove(path, stats)
    }
  }

  #hideChildren(path: string): void {
    for (const name of Fs.readdirSync(path)) this.#hide(`${path}/${name}`)
  }

  #isOwn(path: string): boolean {
    return this.#made === undefined || this.#made.has(path)
  }

  #remember(path: string): void {
    if (this.#made === undefined) return
    // The directories on the way are this layer's as well: it has something in them.
    for (let at = path; at.length > this.#root.length && !this.#made.has(at); at = at.slice(0, at.lastIndexOf("/"))) {
      this.#made.add(at)
    }
  }

  #remove(path: string, existing: Fs.Stats | undefined): void {
    if (existing === undefined) return
    if (existing.isDirectory()) Fs.rmSync(path, { recursive: true })
    else Fs.unlinkSync(path)
    if (existing.isDirectory() || existing.isSymbolicLink()) this.#paths.forget()
  }
}
