/** What a `copy` does to a tree in memory: the contract of `Workspace.copy`, as a function. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { sha256 } from "../../domain/Digest.ts"
import type { DirectoryNode, FileNode, ManifestNode } from "../../domain/Manifest.ts"
import type { User } from "../../domain/Spec.ts"
import type { SourceError } from "../SourceTree.ts"
import { CopyError, type CopyRequest } from "../Store.ts"
import * as FileTree from "./FileTree.ts"
import { findUser } from "./Users.ts"

/**
 * The tree with the request's items in it. `onFile` is called before each file
 * is read.
 */
export const copy = <E>(
  tree: FileTree.Directory,
  request: CopyRequest,
  onFile: (path: string) => Effect.Effect<void, E>
): Effect.Effect<FileTree.Directory, CopyError | SourceError | E> =>
  Effect.gen(function* () {
    const owner = yield* ownerOf(tree, request.owner)
    const { form, path } = request.destination
    let copied = tree
    for (const item of request.items) {
      const read = (node: FileNode, at: string): Effect.Effect<Uint8Array, CopyError | SourceError | E> =>
        onFile(at).pipe(
          Effect.zipRight(request.source.read(at)),
          Effect.filterOrFail(
            (content) => content.length === node.size && sha256(content) === node.digest,
            () => new CopyError({ path: at, message: `${at} changed while it was being copied` })
          )
        )
      const place = { owner, read }
      if (form === "Into") {
        const into = yield* fromTree(FileTree.makeDirectories(copied, path, owner))
        copied = yield* put(into.tree, into.names, item.root, item.path, place, true)
      } else {
        const names = FileTree.components(path)
        // After `..` there is no name to take: the destination is the directory that it leads to.
        const name = names.at(-1) === ".." ? "" : (names.at(-1) ?? "")
        const above = name === "" ? names : names.slice(0, -1)
        const parent = yield* fromTree(FileTree.makeDirectories(copied, FileTree.join(above), owner))
        const named = { ...item.root, name }
        copied = yield* put(parent.tree, parent.names, named, item.path, place, true)
      }
    }
    return copied
  })

interface Place<E> {
  readonly owner: FileTree.Owner
  readonly read: (node: FileNode, path: string) => Effect.Effect<Uint8Array, E>
}

/** Puts a node into the directory at `names`, which exists. A node without a name is merged into it. */
const put = <E>(
  tree: FileTree.Directory,
  names: ReadonlyArray<string>,
  node: ManifestNode,
  source: string,
  place: Place<E>,
  isItem: boolean
): Effect.Effect<FileTree.Directory, CopyError | E> =>
  Effect.gen(function* () {
    const target = node.name === "" ? names : [...names, node.name]
    if (node._tag === "Directory") {
      // Through a link to a directory, as `mkdir -p` and `cp` do: what the image made of it stays.
      const made = yield* fromTree(FileTree.makeDirectories(tree, FileTree.join(target), place.owner))
      // Below what is copied, what a link leads to stays what it is.
      const isMeant = isItem || FileTree.lookup(made.tree, target)?._tag === "Directory"
      let filled = isMeant ? take(made.tree, made.names, node, place.owner) : made.tree
      for (const entry of node.entries) {
        const below = source === "" ? entry.name : `${source}/${entry.name}`
        filled = yield* put(filled, made.names, entry, below, place, false)
      }
      return filled
    }
    if (FileTree.lookup(tree, target)?._tag === "Directory") {
      return yield* new CopyError({
        path: FileTree.join(target),
        message: `${FileTree.join(target)} is a directory in the image, so a file or link cannot take its place`
      })
    }
    const replacement =
      node._tag === "Link"
        ? FileTree.link(node.target, node.owner ?? place.owner)
        : FileTree.file(
            yield* place.read(node, source),
            node.owner ?? place.owner,
            node.mode ?? (node.executable ? 0o755 : 0o644)
          )
    return FileTree.update(tree, target, () => replacement)
  })

/**
 * A directory that is itself copied becomes the step's, or what is preserved of it, as a file would; the image's root
 * directory never does.
 */
const take = (
  tree: FileTree.Directory,
  names: ReadonlyArray<string>,
  { mode = 0o755, owner, stays }: DirectoryNode,
  step: FileTree.Owner
): FileTree.Directory => {
  if (names.length === 0 || stays === true) return tree
  const { gid, uid } = owner ?? step
  return FileTree.update(tree, names, (node) => (node?._tag === "Directory" ? { ...node, mode, uid, gid } : node))
}

const ownerOf = (tree: FileTree.Directory, user: User): Either.Either<FileTree.Owner, CopyError> =>
  Either.mapLeft(findUser(tree, user), (message) => new CopyError({ path: "/etc/passwd", message }))

const fromTree = <A>(result: Either.Either<A, FileTree.TreeError>): Either.Either<A, CopyError> =>
  Either.mapLeft(result, (error) => new CopyError({ path: error.path, message: `In the image, ${error.message}` }))
