/** Trees of stores whose results are whole root file systems, each made as a copy of its parent's. */
import * as Fs from "node:fs"
import * as Cooperate from "../../host/Cooperate.ts"
import { storeError } from "../../host/IoError.ts"
import { remove } from "../../host/RemoveTree.ts"
import { LAYER } from "./Layout.ts"
import type { Begun, BeginTree, Trees, WholeTrees } from "./Trees.ts"

export interface Options extends WholeTrees, Pick<Trees, "kind" | "check" | "extents"> {
  readonly finish?: Trees["finish"]
  readonly remove?: Trees["remove"]
}

export const make = (options: Options): Trees => ({
  kind: options.kind,
  check: options.check,
  extents: options.extents,
  begin: (request) => begin(options, request),
  finish: options.finish ?? (() => undefined),
  whole: options,
  remove: options.remove ?? remove
})

const begin = ({ clone, create }: WholeTrees, { directory, layout, parent }: BeginTree) =>
  Cooperate.run(
    function* (): Generator<void, Begun, void> {
      const path = `${directory}/${LAYER}`
      const [top] = parent?.meta.layers ?? []
      if (top === undefined) create(path)
      else yield* Cooperate.toTheEnd(clone(`${layout.root}/${top}`, path))
      return { rootfs: { _tag: "Directory", path }, upper: path, below: [] }
    },
    (error) => storeError(`cannot make a result in the store ${layout.root}`, error)
  )

/** Makes an empty directory that everybody may enter, whatever the umask. */
export const createDirectory = (path: string): void => {
  Fs.mkdirSync(path, 0o755)
  Fs.chmodSync(path, 0o755)
}
