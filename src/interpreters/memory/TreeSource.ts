/** A `SourceTree` over a file tree in memory: a source directory, or a result to copy from. */
import * as Either from "effect/Either"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { sha256 } from "../../domain/Digest.ts"
import type { Manifest, ManifestNode } from "../../domain/Manifest.ts"
import type { Preserve } from "../../domain/Preserve.ts"
import { SourceError, type SourceTree } from "../SourceTree.ts"
import * as FileTree from "./FileTree.ts"

/** `current` is asked for the tree at every call, so that a test can change the tree meanwhile. */
export const make = (current: () => FileTree.Directory): SourceTree => ({
  manifest: (src, exclude, preserve = []) =>
    Effect.suspend(() => manifest(current(), src, { exclude: new Set(exclude), preserve })),
  read: (path) =>
    Effect.suspend(() => {
      const node = FileTree.lookup(current(), FileTree.components(path))
      return node?._tag === "File"
        ? Effect.succeed(node.content)
        : Effect.fail(problem(path, `Source path "${path}" is not there any more, or is no file any more`))
    }),
  locate: Option.none()
})

/** A source directory that does not change. */
export const fromTree = (tree: FileTree.Directory): SourceTree => make(() => tree)

const problem = (path: string, message: string, hint: Option.Option<string> = Option.none()): SourceError =>
  new SourceError({ path, message, hint })

interface Wanted {
  readonly exclude: ReadonlySet<string>
  readonly preserve: Preserve
}

const manifest = (tree: FileTree.Directory, src: string, wanted: Wanted): Either.Either<Manifest, SourceError> => {
  const names: Array<string> = []
  let node: FileTree.Node = tree
  const parts = src.split("/")
  for (const [index, part] of parts.entries()) {
    if (part === "" || part === ".") continue
    if (part === "..") return Either.left(problem(src, `Can't use .. in source paths! (in "${src}")`))
    const next: FileTree.Node | undefined = node._tag === "Directory" ? node.entries.get(part) : undefined
    if (next === undefined) return Either.left(problem(src, `Source path "${src}" not found`))
    names.push(part)
    // A `/` after a file or link is refused too.
    const last = index === parts.length - 1
    if (next._tag === "File" && !last) {
      return Either.left(problem(src, `Not a directory: ${names.join("/")} (in "${src}")`))
    }
    if (next._tag === "Special" || (next._tag === "Link" && !last)) {
      return Either.left(problem(src, `Not a regular file: ${names.join("/")} (in "${src}")`))
    }
    node = next
  }
  const root = describe(src, names.at(-1) ?? "", node, wanted)
  return Either.map(root, (root) => ({ path: names.join("/"), root }))
}

const describe = (
  src: string,
  name: string,
  node: FileTree.Node,
  wanted: Wanted
): Either.Either<ManifestNode, SourceError> => {
  const { exclude, preserve } = wanted
  const owner = preserve.includes("owners") ? { owner: { uid: node.uid, gid: node.gid } } : {}
  const both = (mode: number) => (preserve.includes("modes") ? { mode, ...owner } : owner)
  switch (node._tag) {
    case "File":
      return Either.right({
        _tag: "File",
        name,
        executable: (node.mode & 0o111) !== 0,
        size: node.content.length,
        digest: sha256(node.content),
        ...both(node.mode)
      })
    case "Link":
      return Either.right({ _tag: "Link", name, target: node.target, ...owner })
    case "Special":
      return Either.left(problem(src, `Unsupported file type: ${name} (in "${src}")`))
    case "Directory": {
      const kept = FileTree.sortedEntries(node).filter(([entry]) => !exclude.has(entry))
      const entries = Either.all(kept.map(([entry, child]) => describe(src, entry, child, wanted)))
      return Either.map(entries, (entries) => ({ _tag: "Directory", name, entries, ...both(node.mode) }))
    }
  }
}
