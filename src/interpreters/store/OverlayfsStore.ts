/**
 * Results as overlayfs layers.
 *
 * The store itself mounts nothing: it hands the sandbox a list of layers, writes
 * what it copies straight into the topmost one, and reads results through
 * `LayeredTree`.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { dirname } from "node:path"
import { storeError } from "../host/IoError.ts"
import { copyAttributes } from "../host/Metadata.ts"
import { remove } from "../host/RemoveTree.ts"
import type { Rootfs } from "../Rootfs.ts"
import type { StoreError } from "../Store.ts"
import { LAYER } from "./local/Layout.ts"
import { shorten } from "./local/Squash.ts"
import type { BeginTree, Begun, Trees } from "./local/Trees.ts"
import * as LocalStore from "./LocalStore.ts"

const begin = ({ directory, layout, parent, temporary }: BeginTree): Effect.Effect<Begun, StoreError> =>
  Effect.gen(function* () {
    const below = parent === undefined ? [] : yield* shorten(layout, parent, temporary)
    const upper = `${directory}/${LAYER}`
    const rootfs = yield* Effect.try({
      try: (): Rootfs => {
        Fs.mkdirSync(upper)
        Fs.chmodSync(upper, 0o755)
        const [top] = below
        if (top === undefined) return { _tag: "Directory", path: upper }
        const path = `${layout.root}/${top}`
        // The root directory's owner and mode are the topmost layer's.
        copyAttributes(path, upper, Fs.statSync(path))
        const work = `${directory}/work`
        Fs.mkdirSync(work, { mode: 0o700 })
        const lower = below.map((one) => `${layout.root}/${one}`)
        return { _tag: "Overlay", lower, upper, work, scratch: dirname(directory) }
      },
      catch: (error) => storeError(`cannot make a result in the store ${layout.root}`, error)
    })
    return { rootfs, upper, below }
  })

/** Overlayfs leaves an empty directory in it, and sometimes more. For that `rmSync` is made, and slow. */
const removeWork = (directory: string): undefined => {
  const work = `${directory}/work`
  try {
    Fs.rmdirSync(`${work}/work`)
    Fs.rmdirSync(work)
  } catch {
    Fs.rmSync(work, { recursive: true, force: true })
  }
}

const trees: Trees = {
  kind: "overlayfs",
  extents: false,
  check: () => undefined,
  begin,
  finish: removeWork,
  whole: undefined,
  remove
}

export const { layer, make } = LocalStore.of(trees)
