/** What is other about the files that a copy copies. Pure. */
import {
  byName,
  type DestinationForm,
  type DirectoryNode,
  type Manifest,
  type ManifestNode
} from "../domain/Manifest.ts"
import { KEPT_DIGITS } from "../domain/ManifestNote.ts"
import { type Owner, ownerText } from "../domain/Preserve.ts"

export type FileKind = "file" | "link" | "directory"

/** One entry; `path` is where it is, or was, in what is copied from. */
export type FileChange =
  /** `files` counts what is in a directory that is no directory. */
  | { readonly _tag: "Added"; readonly path: string; readonly kind: FileKind; readonly files: number }
  | { readonly _tag: "Removed"; readonly path: string; readonly kind: FileKind; readonly files: number }
  /** Sizes in bytes. */
  | { readonly _tag: "Content"; readonly path: string; readonly before: number; readonly after: number }
  /** Whether any of the executable bits is set. */
  | { readonly _tag: "Executable"; readonly path: string; readonly before: boolean; readonly after: boolean }
  /** Of copies that preserve it. The permission bits of a file or a directory. */
  | { readonly _tag: "Mode"; readonly path: string; readonly before: number; readonly after: number }
  /** Of copies that preserve it. */
  | { readonly _tag: "Owner"; readonly path: string; readonly before: Owner; readonly after: Owner }
  | { readonly _tag: "Target"; readonly path: string; readonly before: string; readonly after: string }
  | { readonly _tag: "Type"; readonly path: string; readonly before: FileKind; readonly after: FileKind }

export interface FilesChange {
  readonly _tag: "Files"
  /** The nested build that they are copied from; null for the source directory. */
  readonly build: string | null
  /** Files and links that are copied now. */
  readonly total: number
  /** How many changes there are. */
  readonly count: number
  /** The first of them, at most {@link MOST_LISTED}. */
  readonly changes: ReadonlyArray<FileChange>
}

export const MOST_LISTED = 1000

export interface Copied {
  readonly form: DestinationForm
  readonly items: ReadonlyArray<Manifest>
}

interface Pair {
  readonly path: string
  readonly before: ManifestNode | undefined
  readonly after: ManifestNode | undefined
}

/**
 * All that a copy's digest can tell apart but the order of its items, by where
 * it gets to in the result. Where one of them takes another name and the other
 * does not, the name of the item does not count.
 */
export const compare = (before: Copied, after: Copied, build: string | null): FilesChange => {
  const changes: Array<FileChange> = []
  let count = 0
  const found = (change: FileChange): void => {
    if (++count <= MOST_LISTED) changes.push(change)
  }
  const isNamed = before.form === "Into" && after.form === "Into"
  const pending = pairs(before.items, after.items, isNamed).reverse()
  for (let pair = pending.pop(); pair !== undefined; pair = pending.pop()) {
    const { after: now, before: then, path } = pair
    const place = path === "" ? "." : path
    if (then === undefined || now === undefined) {
      if (now !== undefined) found({ _tag: "Added", path: place, kind: kindOf(now), files: filesIn([now]) })
      if (then !== undefined) found({ _tag: "Removed", path: place, kind: kindOf(then), files: filesIn([then]) })
      continue
    }
    const [mode, wasMode] = [modeOf(now), modeOf(then)]
    const isModeKnown = mode !== undefined && wasMode !== undefined && now._tag === then._tag
    if (isModeKnown && mode !== wasMode) {
      found({ _tag: "Mode", path: place, before: wasMode, after: mode })
    }
    const [owner, wasOwner] = [now.owner, then.owner]
    if (owner !== undefined && wasOwner !== undefined && ownerText(owner) !== ownerText(wasOwner)) {
      found({ _tag: "Owner", path: place, before: wasOwner, after: owner })
    }
    if (then._tag === "Directory" && now._tag === "Directory") {
      for (const one of inside(path, then, now).reverse()) pending.push(one)
    } else if (then._tag === "File" && now._tag === "File") {
      if (isOther(then.digest, now.digest)) {
        found({ _tag: "Content", path: place, before: then.size, after: now.size })
      }
      if (then.executable !== now.executable && !isModeKnown) {
        found({ _tag: "Executable", path: place, before: then.executable, after: now.executable })
      }
    } else if (then._tag === "Link" && now._tag === "Link") {
      if (then.target !== now.target) found({ _tag: "Target", path: place, before: then.target, after: now.target })
    } else {
      found({ _tag: "Type", path: place, before: kindOf(then), after: kindOf(now) })
    }
  }
  return { _tag: "Files", build, total: filesIn(after.items.map(({ root }) => root)), count, changes }
}

const modeOf = (node: ManifestNode): number | undefined => (node._tag === "Link" ? undefined : node.mode)

const isOther = (a: string, b: string): boolean => a.slice(0, KEPT_DIGITS) !== b.slice(0, KEPT_DIGITS)

/** The items by the names that they get; of several with one name, the first is the first's, and so on. */
const pairs = (before: ReadonlyArray<Manifest>, after: ReadonlyArray<Manifest>, isNamed: boolean): Array<Pair> => {
  const earlier = new Map<string, Array<Manifest>>()
  const nameOf = ({ root }: Manifest): string => (isNamed ? root.name : "")
  for (const item of [...before].reverse()) {
    const others = earlier.get(nameOf(item))
    if (others === undefined) earlier.set(nameOf(item), [item])
    else others.push(item)
  }
  const found = after.map((item): Pair => ({
    path: item.path,
    before: earlier.get(nameOf(item))?.pop()?.root,
    after: item.root
  }))
  const gone = [...earlier.values()].flatMap((items) => items.reverse())
  return [...found, ...gone.map(({ path, root }): Pair => ({ path, before: root, after: undefined }))]
}

/** Both are sorted by name. */
const inside = (path: string, before: DirectoryNode, after: DirectoryNode): Array<Pair> => {
  const found: Array<Pair> = []
  const [then, now] = [before.entries, after.entries]
  for (let [i, j] = [0, 0]; i < then.length || j < now.length;) {
    const [a, b] = [then[i], now[j]]
    const order = a === undefined ? 1 : b === undefined ? -1 : byName(a, b)
    const name = (order <= 0 ? a : b)?.name ?? ""
    found.push({
      path: path === "" ? name : `${path}/${name}`,
      before: order <= 0 ? a : undefined,
      after: order >= 0 ? b : undefined
    })
    if (order <= 0) i++
    if (order >= 0) j++
  }
  return found
}

const kindOf = ({ _tag }: ManifestNode): FileKind => {
  switch (_tag) {
    case "File":
      return "file"
    case "Link":
      return "link"
    case "Directory":
      return "directory"
  }
}

/** What is not a directory, in all of these. */
const filesIn = (nodes: ReadonlyArray<ManifestNode>): number => {
  let files = 0
  const pending = [...nodes]
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node._tag === "Directory") for (const entry of node.entries) pending.push(entry)
    else files++
  }
  return files
}
