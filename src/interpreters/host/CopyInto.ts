/**
 * Copies a manifest's files into an image that is a stack of layers, by writing
 * to its topmost layer what the kernel would have written there.
 *
 * Nothing is mounted and no program of the image runs, so this works on any
 * image, `scratch` too. Paths are resolved inside the image (`LayeredTree`);
 * nobody else changes the image meanwhile.
 */
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import * as Option from "effect/Option"
import type { DestinationForm, DirectoryNode, FileNode, Manifest, ManifestNode } from "../../domain/Manifest.ts"
import type { OpenFiles, SourceTree } from "../SourceTree.ts"
import { contentOf } from "./HashFile.ts"
import { codeOf } from "./IoError.ts"
import { components, type Entry, type LayeredTree } from "./LayeredTree.ts"
import { copyAttributes } from "./Metadata.ts"
import { writeAll } from "./WriteAll.ts"

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = Fs.constants

const FILE_MODE = 0o644
const EXECUTABLE_MODE = 0o755
const DIRECTORY_MODE = 0o755

/** A copy met something that it must not go past. `path` is the image's. */
export class CopyRefused extends Error {
  readonly path: string

  constructor(path: string, message: string) {
    super(message)
    this.path = path
  }
}

export interface CopyInto {
  /** The image, its topmost layer the one to write to. */
  readonly tree: LayeredTree
  /** The topmost layer's directory. */
  readonly upper: string
  readonly source: SourceTree
  readonly items: ReadonlyArray<Manifest>
  readonly destination: { readonly form: DestinationForm; readonly path: string }
  readonly owner: { readonly uid: number; readonly gid: number }
  /** For sources that are not on the host: contents by path, read beforehand. */
  readonly contents: ReadonlyMap<string, Uint8Array>
}

/** Does it; throws `CopyRefused` or Node's errors, and yields between files. */
export function* copyInto(request: CopyInto): Generator<void, void, void> {
  const files = Option.map(request.source.locate, (located) => located.open())
  try {
    const writer = new Writer(request, Option.getOrUndefined(files))
    const { form, path } = request.destination
    for (const item of request.items) {
      const whole = item.root._tag === "Directory" && item.root.name === ""
      const target = form === "As" || whole ? path : `${path}/${item.root.name}`
      try {
        yield* writer.place(item.root, item.path, target)
      } catch (error) {
        if (codeOf(error) !== "ENAMETOOLONG") throw error
        throw new CopyRefused(target, `${target}, or a path below it, is too long for the store's file system`)
      }
    }
  } finally {
    if (Option.isSome(files)) files.value.close()
  }
}

/** A directory of the image that is sure to be in the upper layer. */
interface Target {
  /** In the image, without links. */
  readonly path: string
  /** In the upper layer. */
  readonly upper: string
  /** What the image has there; `undefined` where it is new, so that nothing in it can be in the way. */
  readonly entry: Entry | undefined
}

class Writer {
  private readonly request: CopyInto
  /** The source's, if they are on the host. */
  private readonly files: OpenFiles | undefined

  constructor(request: CopyInto, files: OpenFiles | undefined) {
    this.request = request
    this.files = files
  }

  /** Puts an item at a path of the image; the directories on the way are made as needed. */
  *place(node: ManifestNode, source: string, path: string): Generator<void, void, void> {
    if (node._tag === "Directory") return yield* this.fill(node, source, this.take(this.directory(path), node))
    const parts = components(path)
    const name = parts.pop()
    if (name === undefined || name === "..") throw inTheWay(path)
    yield* this.put(node, source, this.directory(`/${parts.join("/")}`), name)
  }

  private *fill(node: DirectoryNode, source: string, target: Target): Generator<void, void, void> {
    for (const child of node.entries) {
      const from = source === "" ? child.name : `${source}/${child.name}`
      if (child._tag === "Directory") {
        yield* this.fill(child, from, this.subdirectory(target, child))
      } else {
        yield* this.put(child, from, target, child.name)
      }
    }
    yield
  }

  /** A directory inside another: an existing one is merged with, a link to one is followed. */
  private subdirectory(target: Target, node: DirectoryNode): Target {
    const { name } = node
    const existing = target.entry === undefined ? undefined : this.request.tree.child(target.entry, name)
    if (existing === undefined) return this.take(this.make(target, name), node)
    if (existing.kind === "directory") return this.take(this.copyUp(target, name, existing), node)
    return this.directory(`${target.path}/${name}`)
  }

  /** The directory at a path of the image, made where it is missing. */
  private directory(path: string): Target {
    const { tree, upper } = this.request
    let target: Target = { path: "", upper, entry: tree.root }
    for (const name of components(this.resolve(path))) {
      const existing = target.entry === undefined ? undefined : tree.child(target.entry, name)
      if (existing === undefined) target = this.make(target, name)
      else if (existing.kind === "directory") target = this.copyUp(target, name, existing)
      else {
        const at = `${target.path}/${name}`
        throw new CopyRefused(at, `${at} is not a directory in the image`)
      }
    }
    return target
  }

  private resolve(path: string): string {
    try {
      return this.request.tree.resolve(path).path
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === "ELOOP") throw new CopyRefused(path, `too many symbolic links lead to ${path} in the image`)
      if (code === "ENOTDIR")
        throw new CopyRefused(path, `something on the way to ${path} is not a directory in the image`)
      throw error
    }
  }

  /**
   * A directory that is itself copied becomes the step's, or what is preserved of it, as a file would; the image's root
   * directory never does.
   */
  private take(target: Target, { mode, owner, stays }: DirectoryNode): Target {
    const isAsMade = target.entry === undefined && mode === undefined && owner === undefined
    if (target.path === "" || stays === true || isAsMade) return target
    const { uid, gid } = owner ?? this.request.owner
    Fs.lchownSync(target.upper, uid, gid)
    Fs.chmodSync(target.upper, mode ?? DIRECTORY_MODE)
    return target
  }

  private make(parent: Target, name: string): Target {
    const upper = `${parent.upper}/${name}`
    // A whiteout of an earlier item's making cannot be there: nothing here deletes.
    Fs.mkdirSync(upper, DIRECTORY_MODE)
    const { uid, gid } = this.request.owner
    Fs.lchownSync(upper, uid, gid)
    Fs.chmodSync(upper, DIRECTORY_MODE)
    return { path: `${parent.path}/${name}`, upper, entry: undefined }
  }

  private copyUp(parent: Target, name: string, entry: Entry): Target {
    const upper = `${parent.upper}/${name}`
    if (entry.hostPath !== upper) {
      Fs.mkdirSync(upper, DIRECTORY_MODE)
      copyAttributes(entry.hostPath, upper, entry.stats)
    }
    // What was made in it a moment ago, by an earlier item, has to be seen: so the entry is looked up anew.
    const seen = this.request.tree.lookup(`${parent.path}/${name}`)
    return { path: `${parent.path}/${name}`, upper, entry: seen ?? entry }
  }

  private *put(
    node: Exclude<ManifestNode, DirectoryNode>,
    source: string,
    target: Target,
    name: string
  ): Generator<void, void, void> {
    const path = `${target.upper}/${name}`
    const existing = target.entry === undefined ? undefined : this.request.tree.child(target.entry, name)
    if (existing?.kind === "directory") throw inTheWay(`${target.path}/${name}`)
    if (existing?.hostPath === path) Fs.unlinkSync(path)
    if (node._tag === "Link") {
      Fs.symlinkSync(node.target, path)
      const { uid, gid } = node.owner ?? this.request.owner
      Fs.lchownSync(path, uid, gid)
    } else {
      yield* this.file(node, source, path)
    }
    yield
  }

  private *file(node: FileNode, source: string, path: string): Generator<void, void, void> {
    const fd = Fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, FILE_MODE)
    try {
      const { uid, gid } = node.owner ?? this.request.owner
      // Root's as well: what is made in a directory with the set-group-ID bit has that one's group.
      Fs.fchownSync(fd, uid, gid)
      const same =
        this.files === undefined
          ? writeContent(this.request.contents.get(source), fd, node)
          : yield* copyHostFile(this.files, source, fd, node)
      if (!same) throw new CopyRefused(source, `"${source}" changed while it was being copied; build again`)
      // Last: a new owner, and new content, take the set-user-ID bit away.
      Fs.fchmodSync(fd, node.mode ?? (node.executable ? EXECUTABLE_MODE : FILE_MODE))
    } finally {
      Fs.closeSync(fd)
    }
  }
}

const inTheWay = (path: string): CopyRefused =>
  new CopyRefused(path, `${path} is a directory in the image; end dst with / to copy into it`)

const writeContent = (content: Uint8Array | undefined, fd: number, node: FileNode): boolean => {
  if (content === undefined || createHash("sha256").update(content).digest("hex") !== node.digest) return false
  writeAll(fd, content)
  return true
}

/**
 * Copies from file to file; false when what was read is not what the manifest
 * says. What was remembered is not trusted here: a file's status does not show
 * what is written through a mapping, and the content is read anyway.
 */
function* copyHostFile(files: OpenFiles, from: string, to: number, node: FileNode): Generator<void, boolean, void> {
  let fd: number
  try {
    fd = files.file(from)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === "ENOENT" || code === "ELOOP" || code === "EMLINK" || code === "ENOTDIR" || code === "ENXIO")
      return false
    throw error
  }
  try {
    const before = Fs.fstatSync(fd)
    if (!before.isFile() || before.size !== node.size) return false
    const hasher = createHash("sha256")
    let size = 0
    for (const piece of contentOf(fd)) {
      hasher.update(piece)
      writeAll(to, piece)
      size += piece.length
      // A file that grows for ever must not fill the disk.
      if (size > node.size) return false
      if (size === node.size) break
      yield
    }
    if (hasher.digest("hex") !== node.digest) return false
    Fs.futimesSync(to, before.atime, before.mtime)
    return true
  } finally {
    Fs.closeSync(fd)
  }
}
