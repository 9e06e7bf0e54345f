/** Trees of stores whose results are whole root file systems, each made as a copy of its parent's. */
import * as Fs from "node:fs"
import * as Cooperate from "../../host/Cooperate.ts"
import { storeError } from "../../host/IoError.ts"
import { remove } from "../../host/RemoveTree.ts"
import type { DirectoryRootfs } from "../../Rootfs.ts"
import { LAYER } from "./Layout.ts"
import type { Begun, BeginTree, Trees, WholeTrees } from "./Trees.ts"

export interface Options extends WholeTrees, Pick<Trees, "kind" | "check" | "extents"> {
  readonly finish?: Trees["finish"]
  readonly remove?: Trees["remove"]
  readonly prepare?: Trees["prepare"]
  readonly hold?: Trees["hold"]
  readonly read?: Trees["read"]
  readonly measure?: Trees["measure"]
  readonly look?: Trees["look"]
}

export const make = (options: Options): Trees => ({
  ...options,
  begin: (request) => begin(options, request),
  finish: options.finish ?? (() => undefined),
  whole: options,
  remove: options.remove ?? remove
})

const begin = ({ clone, create, ...others }: WholeTrees, { directory, layout, parent }: BeginTree) =>
  Cooperate.run(
    function* (): Generator<Cooperate.Pause, Begun, void> {
      const path = `${directory}/${LAYER}`
      const [top] = parent?.meta.layers ?? []
      yield* Cooperate.toTheEnd(top === undefined ? create(path) : clone(`${layout.root}/${top}`, path))
      const rootfs = rootfsOf(others, path)
      return { rootfs, upper: rootfs.path, below: [] }
    },
    (error) => storeError(`cannot make a result in the store ${layout.root}`, error)
  )

/** One that is being written to, for a sandbox. */
export const rootfsOf = (
  { dataset, locate }: Pick<WholeTrees, "dataset" | "locate">,
  path: string
): DirectoryRootfs => ({
  _tag: "Directory",
  path: locate?.(path) ?? path,
  ...(dataset === undefined ? {} : { dataset: dataset(path) })
})

/** Makes an empty directory that everybody may enter, whatever the umask. */
export const createDirectory = (path: string): undefined => {
  Fs.mkdirSync(path, 0o755)
  Fs.chmodSync(path, 0o755)
}
