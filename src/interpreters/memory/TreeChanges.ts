/** What has changed from one tree to another, as a tree: that of an image's layer, with whiteouts. */
import * as FileTree from "./FileTree.ts"

/** `undefined` where nothing has. */
export const between = (before: FileTree.Directory, after: FileTree.Directory): FileTree.Directory | undefined => {
  const entries = new Map<string, FileTree.Node>()
  for (const [name, node] of after.entries) {
    const was = before.entries.get(name)
    const changed =
      node._tag === "Directory" && was?._tag === "Directory" ? between(was, node) : isSame(was, node) ? undefined : node
    if (changed !== undefined) entries.set(name, changed)
  }
  for (const name of before.entries.keys()) {
    if (!after.entries.has(name)) entries.set(`.wh.${name}`, FileTree.file(""))
  }
  return entries.size === 0 && isSame({ ...before, entries }, { ...after, entries }) ? undefined : { ...after, entries }
}

/** Of directories, what is in them is left out. */
const isSame = (a: FileTree.Node | undefined, b: FileTree.Node): boolean => {
  if (a === undefined || a._tag !== b._tag || a.uid !== b.uid || a.gid !== b.gid) return false
  if (a._tag === "Link" || b._tag === "Link") return a._tag === "Link" && b._tag === "Link" && a.target === b.target
  if (a.mode !== b.mode) return false
  return a._tag !== "File" || b._tag !== "File" || Buffer.compare(a.content, b.content) === 0
}
