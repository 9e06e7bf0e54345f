/** Source trees for the laws of copying: the same tree in memory and in a directory of the host. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import * as SourceDirectory from "../../src/interpreters/host/SourceDirectory.ts"
import * as FileTree from "../../src/interpreters/memory/FileTree.ts"
import * as TreeSource from "../../src/interpreters/memory/TreeSource.ts"
import type { SourceTree } from "../../src/interpreters/SourceTree.ts"
import type { Entries } from "./files.ts"

/** A source that the test can change after its manifest was taken. */
export interface ChangingSource {
  readonly tree: SourceTree
  /** Puts these entries in the place of all that there is. */
  readonly replace: (entries: Entries) => Effect.Effect<void>
}

export type MakeSource = (entries: Entries) => Effect.Effect<ChangingSource, never, Scope.Scope>

export const memorySource: MakeSource = (entries) =>
  Effect.sync(() => {
    let current = FileTree.make(entries)
    return {
      tree: TreeSource.make(() => current),
      replace: (next) =>
        Effect.sync(() => {
          current = FileTree.make(next)
        })
    }
  })

export const hostSource: MakeSource = (entries) =>
  Effect.gen(function* () {
    const path = yield* Effect.acquireRelease(
      Effect.sync(() => Fs.mkdtempSync(`${tmpdir()}/obuilder-source-`)),
      (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
    )
    const replace = (next: Entries): Effect.Effect<void> =>
      Effect.sync(() => {
        for (const name of Fs.readdirSync(path)) Fs.rmSync(`${path}/${name}`, { recursive: true })
        write(path, FileTree.make(next))
      })
    yield* replace(entries)
    return { tree: yield* Effect.orDie(SourceDirectory.make({ path })), replace }
  })

const write = (directory: string, tree: FileTree.Directory): void => {
  for (const [name, node] of tree.entries) {
    const at = `${directory}/${name}`
    switch (node._tag) {
      case "Directory":
        Fs.mkdirSync(at)
        write(at, node)
        Fs.chmodSync(at, node.mode)
        break
      case "File":
        Fs.writeFileSync(at, node.content)
        Fs.chmodSync(at, node.mode)
        break
      case "Link":
        Fs.symlinkSync(node.target, at)
        break
      case "Special":
        throw new Error("a source directory of the laws has files, directories and links only")
    }
  }
}
