/**
 * The copy of a step into an image of Windows: a tar that is unpacked by a
 * program in a container. What an engine unpacks there by itself is not reliable,
 * and it can do nothing while the container runs in a machine of its own.
 *
 * Unpacking gives the destination's directory the permissions that the tar has,
 * with which its owner may not write there any more: they are saved before, and
 * restored after it.
 */
import { randomBytes } from "node:crypto"
import * as Option from "effect/Option"
import type { Pack } from "tar-stream"
import type { FileNode, ManifestNode } from "../../domain/Manifest.ts"
import type { User } from "../../domain/Spec.ts"
import { problem } from "../base/ImageProblem.ts"
import * as PackedTar from "../host/PackedTar.ts"
import { CopyError } from "../Store.ts"
import { checked, type Content, type DockerCopy, hostContent } from "./DockerCopy.ts"
import type { DockerTree } from "./DockerTree.ts"
import * as TreeIndex from "./TreeIndex.ts"
import * as WindowsCommand from "./WindowsCommand.ts"
import * as WindowsConfig from "./WindowsConfig.ts"
import * as WindowsImages from "./WindowsImages.ts"
import * as WindowsProgram from "./WindowsProgram.ts"
import { WindowsSource } from "./WindowsSource.ts"
import * as WindowsTools from "./WindowsTools.ts"

const FILE_MODE = 0o644
const EXECUTABLE_MODE = 0o755
const DIRECTORY_MODE = 0o755

interface Placed {
  /** From the drive's root. */
  readonly path: string
  readonly node: ManifestNode
  /** In the source. */
  readonly source: string
}

/** Throws `CopyError`, or an `ImageProblem`. */
export const copy = async (tree: DockerTree, request: DockerCopy, signal: AbortSignal): Promise<void> => {
  const { workshop } = tree
  const { path } = request.destination
  const placed = placedOf(request)
  const command = unpacking(path)
  const mount = await WindowsTools.mount(workshop, tree.name, signal)
  const config = WindowsConfig.tool(WindowsCommand.cmd(command), [mount], true)
  const files = Option.map(request.source.locate, (located) => located.open())
  const contentOf = (source: string, node: FileNode): Content =>
    Option.match(files, {
      onNone: () => ({ mtime: new Date(), pieces: [request.contents.get(source) ?? new Uint8Array(0)] }),
      onSome: (open) => hostContent(open, source, node)
    })
  try {
    await workshop.withTree(tree, config, signal, async (calls, container) => {
      const tar = PackedTar.chunks((stream) => write(stream, placed, request, contentOf, signal))
      const ended = await WindowsProgram.run(calls, container, signal, tar)
      if (ended.status !== 0) throw refused(path, ended) ?? WindowsTools.explained(workshop, "tar", ended)
      await WindowsImages.keep(tree, container, signal)
    })
  } finally {
    if (Option.isSome(files)) files.value.close()
  }
}

/** What tar says where something is in the way, in the image. */
const refused = (path: string, { words }: WindowsProgram.Ended): CopyError | undefined => {
  const said = /^.*: (?:Cannot (?:open|mkdir|create symlink)[^:]*: .*)$/m.exec(words)?.[0]
  return said === undefined ? undefined : new CopyError({ path, message: `cannot copy to ${path}: ${said}` })
}

/** With the destination's permissions saved in a file, if it is a directory. */
const unpacking = (path: string): string => {
  const unpack = WindowsTools.unpack(WindowsTools.drive(path))
  if (path.length <= DRIVE) return unpack
  const place = WindowsCommand.path(path)
  const above = WindowsCommand.path(path.slice(0, path.lastIndexOf("/") + 1))
  if (place === undefined || above === undefined) {
    throw new CopyError({ path, message: `${path} has a character in it that cmd cannot be given` })
  }
  const saved = `C:\\.obuilder-${randomBytes(8).toString("hex")}`
  const save = `(if exist ${place.slice(0, -1)}\\*" icacls ${place} /save ${saved} /Q <NUL >NUL)`
  const restore = `(if exist ${saved} icacls ${above} /restore ${saved} /Q <NUL >NUL && del ${saved})`
  return `${save} & ${unpack} && ${restore}`
}

/** The length of `C:/`. */
const DRIVE = 3

// eslint-disable-next-line no-control-regex
const NO_NAME = /[\u0000-\u001f<>:"/\\|?*]|[. ]$/

/** Everything that is to be made, parents before what is in them. */
const placedOf = ({ destination, items }: DockerCopy): ReadonlyArray<Placed> => {
  const found = new Map<string, Placed>()
  const put = (placed: Placed): void => {
    const key = placed.path.toLowerCase()
    const before = found.get(key)
    if (before !== undefined && (before.path !== placed.path || before.node._tag !== placed.node._tag)) {
      const message = `"${before.source}" and "${placed.source}" would be the same file of Windows`
      throw new CopyError({ path: placed.path, message })
    }
    found.set(key, placed)
  }
  const walk = (node: ManifestNode, source: string, path: string): void => {
    // A drive's own directory stays what it is.
    if (path !== "") put({ path, node, source })
    if (node._tag !== "Directory") return
    for (const child of node.entries) {
      if (NO_NAME.test(child.name)) {
        throw new CopyError({ path: source, message: `"${child.name}" cannot be the name of a file of Windows` })
      }
      walk(child, source === "" ? child.name : `${source}/${child.name}`, below(path, child.name))
    }
  }
  const into = destination.path.slice(DRIVE)
  for (const { path: source, root } of items) {
    const isWhole = root._tag === "Directory" && root.name === ""
    if (!isWhole && NO_NAME.test(root.name)) {
      throw new CopyError({ path: source, message: `"${root.name}" cannot be the name of a file of Windows` })
    }
    const path = destination.form === "As" || isWhole ? into : below(into, root.name)
    if (path === "" && root._tag !== "Directory") {
      throw new CopyError({ path: destination.path, message: `${destination.path} is a directory in the image` })
    }
    walk(root, source, path)
  }
  return [...found.values()]
}

const below = (directory: string, name: string): string => (directory === "" ? name : `${directory}/${name}`)

const write = async (
  stream: Pack,
  placed: ReadonlyArray<Placed>,
  request: DockerCopy,
  contentOf: (source: string, node: FileNode) => Content,
  signal: AbortSignal
): Promise<void> => {
  const owner = ownerOf(request.owner)
  const header = { ...owner, mtime: new Date() }
  const nested = request.source instanceof WindowsSource ? request.source : undefined
  const left = new Map<string, Array<Placed & { readonly node: FileNode }>>()
  const put = ({ path, node }: { readonly path: string; readonly node: FileNode }, { mtime, pieces }: Content) => {
    const mode = node.executable ? EXECUTABLE_MODE : FILE_MODE
    const head = { ...owner, name: path, type: "file", mode, size: node.size, mtime } as const
    return PackedTar.longEntry(stream, head, checked(pieces, node, path))
  }
  for (const { node, path, source } of placed) {
    switch (node._tag) {
      case "Directory":
        await PackedTar.entry(stream, { ...header, name: `${path}/`, type: "directory", mode: DIRECTORY_MODE })
        break
      case "Link":
        await PackedTar.entry(stream, { ...header, name: path, type: "symlink", mode: 0o777, linkname: node.target })
        break
      case "File":
        if (nested === undefined) await put({ path, node }, contentOf(source, node))
        else left.set(source, [...(left.get(source) ?? []), { path, node, source }])
    }
  }
  if (nested === undefined || left.size === 0) return
  await copyAcross(nested, request, left, put, signal)
}

/** Copies what is `left` from the other image as it comes, with its new headers. */
const copyAcross = async (
  source: WindowsSource,
  request: DockerCopy,
  left: Map<string, Array<Placed & { readonly node: FileNode }>>,
  put: (placed: { readonly path: string; readonly node: FileNode }, content: Content) => Promise<void>,
  signal: AbortSignal
): Promise<void> => {
  const { TarStream } = await import("./TarStream.ts")
  for (const item of request.items) {
    if (![...left.keys()].some((path) => path === item.path || path.startsWith(`${item.path}/`))) continue
    for await (const { content, entry } of TarStream.read(source.archive(item.path, signal))) {
      const path = TreeIndex.namesOf(`./${entry.path}`).join("/")
      const [first, ...more] = left.get(path) ?? []
      if (first === undefined || entry.type !== "File") continue
      if (more.length === 0) left.delete(path)
      else left.set(path, more)
      await put(first, { pieces: content, mtime: new Date(entry.mtime * 1000) })
    }
  }
  // What is linked to another file has no content of its own there.
  for (const [path, all] of left) {
    for (const one of all) await put(one, { pieces: source.file(path, signal), mtime: new Date() })
  }
}

/** Cygwin's numbers for those who are in every container: Cygwin User Guide, "POSIX accounts, permission, and security". */
const AUTHORITY = 0x1000 * 93
const RELATIVE: Readonly<Record<string, number>> = { containeradministrator: 1, containeruser: 2 }

const ownerOf = (user: User): Pick<PackedTar.EntryHeader, "gid" | "uid" | "uname"> => {
  if (user._tag === "Unix") throw problem("users of Windows have names, not numbers")
  const id = RELATIVE[user.name.toLowerCase()]
  return id === undefined ? { uid: 0, gid: 0 } : { uid: AUTHORITY + id, gid: AUTHORITY + id, uname: user.name }
}
