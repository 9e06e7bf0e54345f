/** A result's root file system as a source of copies. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import type { Digest } from "../../domain/Digest.ts"
import { SourceError, type SourceTree } from "../SourceTree.ts"
import * as Cooperate from "./Cooperate.ts"
import { digestOf } from "./HashFile.ts"
import { HashMemo } from "./HashMemo.ts"
import { type Entry, type LayeredTree } from "./LayeredTree.ts"
import { FILE } from "./OpenTree.ts"
import { readManifest, Refused, type TreeNode } from "./ReadTree.ts"

/** Results do not change, and are read by root alone: a plain walk over the layers is safe. */
export const make = (tree: LayeredTree): SourceTree => {
  const memo = new HashMemo()
  const hostPath = (path: string): string => {
    const entry = tree.lookup(path)
    // Nothing is there: a path that does not exist says so to whoever opens it.
    return entry?.hostPath ?? `${tree.root.hostPath}/${path}`
  }
  return {
    manifest: (src, exclude, preserve) =>
      Cooperate.run(
        () => readManifest(nodeOf(tree, tree.root, memo), src, exclude, preserve),
        (error) => sourceError(src, error)
      ),
    read: (path) =>
      Effect.try({ try: () => Fs.readFileSync(hostPath(path)), catch: (error) => sourceError(path, error) }),
    locate: Option.some({
      open: () => ({ file: (path) => Fs.openSync(hostPath(path), FILE), close: () => undefined })
    })
  }
}

const sourceError = (path: string, error: unknown): SourceError =>
  new SourceError({
    path,
    message: error instanceof Refused ? error.message : `"${path}": ${(error as Error).message}`,
    hint: error instanceof Refused ? error.hint : Option.none()
  })

const nodeOf = (tree: LayeredTree, entry: Entry, memo: HashMemo): TreeNode => ({
  kind: entry.kind,
  stats: entry.stats,
  child: (name) => {
    const child = tree.child(entry, name)
    return child === undefined ? undefined : nodeOf(tree, child, memo)
  },
  names: () => [...tree.children(entry).keys()],
  link: () => Fs.readlinkSync(entry.hostPath),
  recall: () => (entry.kind === "file" ? memo.recall(entry.stats) : undefined),
  hash: () => hashEntry(entry, memo),
  close: () => undefined
})

function* hashEntry(entry: Entry, memo: HashMemo): Generator<void, Digest, void> {
  return (yield* digestOf(entry.hostPath, memo)).digest
}
