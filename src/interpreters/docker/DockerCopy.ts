/**
 * The copy of a step into an image: a tar, made while the engine unpacks it into
 * a container that never runs. So it needs no program of the image.
 *
 * What is in the way, and where links lead, is looked up in the container first:
 * in the tar are only the paths that files have in the end, so that nothing
 * depends on what the engine does with links.
 */
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import * as Option from "effect/Option"
import type { Pack } from "tar-stream"
import type { DirectoryNode, FileNode, Manifest, ManifestNode } from "../../domain/Manifest.ts"
import type * as Passwd from "../../domain/Passwd.ts"
import type { User } from "../../domain/Spec.ts"
import { problem } from "../base/ImageProblem.ts"
import { contentOf } from "../host/HashFile.ts"
import { idsIn, MAX_BYTES, NoSuchUser, PASSWD } from "../host/ImageUser.ts"
import { codeOf } from "../host/IoError.ts"
import * as PackedTar from "../host/PackedTar.ts"
import type { OpenFiles } from "../SourceTree.ts"
import { CopyError, type CopyRequest } from "../Store.ts"
import { ContainerView, type Looked, Unreachable } from "./ContainerView.ts"
import { DockerSource } from "./DockerSource.ts"
import type { DockerTree } from "./DockerTree.ts"
import * as TreeIndex from "./TreeIndex.ts"

const FILE_MODE = 0o644
const EXECUTABLE_MODE = 0o755
const DIRECTORY_MODE = 0o755

/** Something to be put at a path of the image. */
interface Placed {
  /** In the image, without links and without a slash in front. */
  readonly path: string
  readonly node: ManifestNode
  /** In the source. */
  readonly source: string
}

/** A directory to be made, or given another owner and mode. */
interface TarDirectory extends Passwd.Ids {
  readonly name: string
  readonly mode: number
}

export interface DockerCopy extends CopyRequest {
  /** For sources that are neither on the host nor in the engine: contents by path, read beforehand. */
  readonly contents: ReadonlyMap<string, Uint8Array>
}

/** Throws `CopyError`, or an `ImageProblem`. */
export const copy = async (tree: DockerTree, request: DockerCopy, signal: AbortSignal): Promise<void> => {
  const { workshop } = tree
  const present = await workshop.present(tree, signal)
  const files = Option.map(request.source.locate, (located) => located.open())
  try {
    await workshop.withTree(tree, {}, signal, async (calls, container) => {
      const owner = await ownerOf(new ContainerView(calls, container, present, signal), request.owner)
      const batch: Array<Manifest> = []
      const flush = async () => {
        const view = new ContainerView(calls, container, present, signal)
        const job = new Job(view, request, owner, Option.getOrUndefined(files), signal)
        const items = batch.splice(0)
        if (items.length > 0) await job.put(items)
      }
      for (const item of request.items) {
        batch.push(item)
        // A link may be what the next item goes through.
        if (hasLink(item.root)) await flush()
      }
      await flush()
      await workshop.keep(tree, container, signal)
    })
  } catch (error) {
    if (error instanceof NoSuchUser) throw new CopyError({ path: PASSWD, message: error.message })
    if (error instanceof Unreachable) throw new CopyError({ path: error.path, message: error.message })
    throw error
  } finally {
    if (Option.isSome(files)) files.value.close()
  }
}

const hasLink = (node: ManifestNode): boolean =>
  node._tag === "Link" || (node._tag === "Directory" && node.entries.some(hasLink))

const ownerOf = async (view: ContainerView, user: User): Promise<Passwd.Ids> =>
  user._tag === "Unix" ? user : idsIn(await view.text(PASSWD, MAX_BYTES), user)

/** Items that go into one tar. */
class Job {
  private readonly view: ContainerView
  private readonly request: DockerCopy
  private readonly owner: Passwd.Ids
  private readonly files: OpenFiles | undefined
  private readonly signal: AbortSignal
  /** What this tar puts where, by paths in the image. */
  private readonly made = new Map<string, "directory" | "file">()
  private readonly directories: Array<TarDirectory> = []
  private readonly placed: Array<Placed> = []

  constructor(
    view: ContainerView,
    request: DockerCopy,
    owner: Passwd.Ids,
    files: OpenFiles | undefined,
    signal: AbortSignal
  ) {
    this.view = view
    this.request = request
    this.owner = owner
    this.files = files
    this.signal = signal
  }

  async put(items: ReadonlyArray<Manifest>): Promise<void> {
    const { form, path } = this.request.destination
    for (const { path: source, root } of items) {
      const whole = root._tag === "Directory" && root.name === ""
      await this.place(root, source, form === "As" || whole ? path : `${path}/${root.name}`)
    }
    if (this.directories.length === 0 && this.placed.length === 0) return
    const { calls, container } = this.view
    // What the tar could not be made of is what has to be told, rather than that it was cut off.
    let failure: unknown
    const tar = PackedTar.chunks(async (stream) => {
      try {
        await this.write(stream)
      } catch (error) {
        failure = error
        throw error
      }
    })
    const refused = await calls.putArchive(container, "/", tar, this.signal).catch((error: unknown) => {
      throw failure ?? error
    })
    if (refused === undefined) return
    const [, inTheWay] = /cannot overwrite [a-z-]+ "([^"]*)"/.exec(refused.problem.message) ?? []
    if (inTheWay === undefined) throw refused.problem
    throw inTheWayOf(inTheWay)
  }

  private async place(node: ManifestNode, source: string, path: string): Promise<void> {
    if (node._tag === "Directory") {
      const { at, isNew } = await this.directory(path)
      this.take(at, node, isNew)
      await this.fill(node, source, at, isNew)
      return
    }
    const parts = path.split("/").filter((name) => name !== "" && name !== ".")
    const name = parts.pop()
    if (name === undefined || name === "..") throw inTheWayOf(path)
    const { at, isNew } = await this.directory(`/${parts.join("/")}`)
    await this.leaf(node, source, `${at}/${name}`, isNew)
  }

  private async fill(node: DirectoryNode, source: string, at: string, isNew: boolean): Promise<void> {
    for (const child of node.entries) {
      const from = source === "" ? child.name : `${source}/${child.name}`
      const path = `${at}/${child.name}`
      if (child._tag !== "Directory") {
        await this.leaf(child, from, path, isNew)
        continue
      }
      const existing = isNew ? this.made.get(path) : ((await this.look(path))?.kind ?? undefined)
      if (existing === undefined) {
        this.make(path)
        this.take(path, child, true)
        await this.fill(child, from, path, true)
      } else {
        const there = await this.directory(path)
        // What a link leads to stays what it is.
        if (existing === "directory") this.take(there.at, child, there.isNew)
        await this.fill(child, from, there.at, there.isNew)
      }
    }
  }

  private async leaf(node: Exclude<ManifestNode, DirectoryNode>, source: string, path: string, isNew: boolean) {
    if (isWhiteout(path)) throw whiteoutOf(path)
    const existing = isNew ? this.made.get(path) : (await this.look(path))?.kind
    if (existing === "directory") throw inTheWayOf(path)
    this.made.set(path, "file")
    this.placed.push({ path: path.slice(1), node, source })
  }

  /** What is at a path whose directory has no links in it, with what this tar will have put there. */
  private async look(path: string): Promise<Looked | undefined> {
    const made = this.made.get(path)
    return made === undefined ? await this.view.look(path) : { kind: made }
  }

  /** The directory at a path of the image, made where it is missing. */
  private async directory(path: string): Promise<{ readonly at: string; readonly isNew: boolean }> {
    const { path: resolved } = await this.view.resolve(path)
    let at = ""
    let isNew = false
    for (const name of resolved.split("/").slice(1)) {
      const next = `${at}/${name}`
      const existing = isNew ? this.made.get(next) : (await this.look(next))?.kind
      if (existing === undefined) {
        this.make(next)
        isNew = true
      } else if (existing !== "directory") {
        throw new CopyError({ path: next, message: `${next} is not a directory in the image` })
      }
      at = next
    }
    return { at, isNew }
  }

  private make(path: string): void {
    if (isWhiteout(path)) throw whiteoutOf(path)
    this.made.set(path, "directory")
    this.tell(path, DIRECTORY_MODE, this.owner)
  }

  /**
   * A directory that is itself copied becomes the step's, or what is preserved of it; the image's root directory never
   * does.
   */
  private take(path: string, { mode, owner, stays }: DirectoryNode, isNew: boolean): void {
    const isAsMade = isNew && mode === undefined && owner === undefined
    if (path !== "" && stays !== true && !isAsMade) this.tell(path, mode ?? DIRECTORY_MODE, owner ?? this.owner)
  }

  private tell(path: string, mode: number, { gid, uid }: Passwd.Ids): void {
    this.directories.push({ name: path.slice(1), mode, uid, gid })
  }

  private async write(stream: Pack): Promise<void> {
    const { gid, uid } = this.owner
    const now = new Date()
    const header = { uid, gid, mtime: now }
    for (const { name, ...attributes } of this.directories) {
      await PackedTar.entry(stream, { ...header, ...attributes, name: `${name}/`, type: "directory" })
    }
    const left = new Map<string, Array<Placed & { readonly node: FileNode }>>()
    for (const { node, path, source } of this.placed) {
      if (node._tag === "Link") {
        const link = { ...header, ...node.owner, name: path, type: "symlink", mode: 0o777 } as const
        await PackedTar.entry(stream, { ...link, linkname: node.target })
      } else if (node._tag === "File") {
        if (this.request.source instanceof DockerSource) {
          left.set(source, [...(left.get(source) ?? []), { path, source, node }])
        } else await this.file(stream, { path, node }, this.contentOf(source, node))
      }
    }
    const { source } = this.request
    if (source instanceof DockerSource) await this.stream(stream, source, left)
  }

  /** Copies what is `left` from the other image as it comes, with its new headers. */
  private async stream(
    stream: Pack,
    source: DockerSource,
    left: Map<string, Array<Placed & { readonly node: FileNode }>>
  ): Promise<void> {
    const { TarStream } = await import("./TarStream.ts")
    for (const item of this.request.items) {
      if (![...left.keys()].some((path) => path === item.path || isBelow(path, item.path))) continue
      for await (const { content, entry } of TarStream.read(source.archive(item.path, this.signal))) {
        const names = TreeIndex.namesOf(entry.path)
        const path = [...(item.path === "" ? [] : [item.path]), ...names].join("/")
        const [first] = left.get(path) ?? []
        if (first === undefined || entry.type !== "File") continue
        const [, ...more] = left.get(path) ?? []
        if (more.length === 0) left.delete(path)
        else left.set(path, more)
        await this.file(stream, first, { pieces: content, mtime: new Date(entry.mtime * 1000) })
      }
    }
    // What is linked to another file has no content of its own there.
    for (const [path, all] of left) {
      for (const one of all) {
        await this.file(stream, one, { pieces: source.file(path, this.signal), mtime: new Date() })
      }
    }
  }

  private async file(
    stream: Pack,
    { node, path }: { readonly node: FileNode; readonly path: string },
    { mtime, pieces }: Content
  ): Promise<void> {
    const { gid, uid } = node.owner ?? this.owner
    const mode = node.mode ?? (node.executable ? EXECUTABLE_MODE : FILE_MODE)
    await PackedTar.longEntry(
      stream,
      { name: path, type: "file", mode, uid, gid, size: node.size, mtime },
      checked(pieces, node, path)
    )
  }

  private contentOf(source: string, node: FileNode): Content {
    if (this.files !== undefined) return hostContent(this.files, source, node)
    return { mtime: new Date(), pieces: [this.request.contents.get(source) ?? new Uint8Array(0)] }
  }
}

export interface Content {
  readonly mtime: Date
  readonly pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>
}

const isBelow = (path: string, directory: string): boolean => directory === "" || path.startsWith(`${directory}/`)

const changed = (path: string): CopyError =>
  new CopyError({ path, message: `"${path}" changed while it was being copied; build again` })

export const hostContent = (files: OpenFiles, source: string, node: FileNode): Content => {
  let fd: number
  try {
    fd = files.file(source)
  } catch (error) {
    if (["ENOENT", "ELOOP", "ENOTDIR", "ENXIO"].includes(codeOf(error) ?? "")) throw changed(source)
    throw problem(`cannot read "${source}": ${(error as Error).message}`, undefined, error)
  }
  const stats = Fs.fstatSync(fd)
  if (!stats.isFile() || stats.size !== node.size) {
    Fs.closeSync(fd)
    throw changed(source)
  }
  return { mtime: stats.mtime, pieces: open(fd) }
}

function* open(fd: number): Generator<Uint8Array> {
  try {
    // Each in memory of its own: the stream may keep it for a while.
    for (const piece of contentOf(fd)) yield Buffer.from(piece)
  } finally {
    Fs.closeSync(fd)
  }
}

/** Fails where it is not what the manifest says. */
export async function* checked(pieces: Content["pieces"], node: FileNode, path: string): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256")
  let size = 0
  for await (const piece of pieces) {
    size += piece.length
    // A file that grows for ever must not be waited for.
    if (size > node.size) throw changed(path)
    hash.update(piece)
    yield piece
    if (size === node.size) break
  }
  if (size !== node.size || hash.digest("hex") !== node.digest) throw changed(path)
}

/** What engines take for a sign that something below is gone. */
const isWhiteout = (path: string): boolean => path.slice(path.lastIndexOf("/") + 1).startsWith(".wh.")

const whiteoutOf = (path: string): CopyError =>
  new CopyError({
    path,
    message: `${path} cannot be in an image: Docker takes names that begin with .wh. for deletions`
  })

const inTheWayOf = (path: string): CopyError =>
  new CopyError({ path, message: `${path} is a directory in the image; end dst with / to copy into it` })
