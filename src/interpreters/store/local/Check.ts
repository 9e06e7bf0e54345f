/** Looks through a store for what is not as it should be. */
import * as Fs from "node:fs"
import type { Digest, StepId } from "../../../domain/Digest.ts"
import type { Fault } from "../../Inventory.ts"
import { namesAt } from "../../host/Names.ts"
import * as Caches from "./Caches.ts"
import { LAYER, type Layout } from "./Layout.ts"
import { ID, type Meta, ownLayer, type Results } from "./Results.ts"

/** What is wrong with a result, as a phrase; `undefined` where nothing is, or it is gone meanwhile. */
export const faultOf = (layout: Layout, results: Results, id: StepId, isThere: IsThere): string | undefined => {
  const isStillThere = (): boolean => Fs.existsSync(layout.result(id))
  if (!isStillThere()) return undefined
  const problem = problemOf({ layout, results, id, isThere })
  // What somebody deletes meanwhile is not there any more from one moment to the next, whatever was seen of it.
  return problem !== undefined && isStillThere() ? problem : undefined
}

const problemOf = (looked: Looked): string | undefined => {
  const { id, layout, results } = looked
  const meta = results.said(id)
  if (meta === undefined) return "what is known of it cannot be read"
  if (results.get(id) === undefined) return "it may not have reached the disk before the machine went down"
  return wrongLayers(looked, meta) ?? wrongLog(layout, id, meta)
}

/** Whether a tree is at a path. */
type IsThere = (path: string) => boolean

interface Looked {
  readonly layout: Layout
  readonly results: Results
  readonly id: StepId
  readonly isThere: IsThere
}

const wrongLayers = ({ id, isThere, layout, results }: Looked, { layers, parent }: Meta): string | undefined => {
  const [own, ...below] = layers
  if (own !== ownLayer(id)) return "it does not name its own files"
  const above = parent === null ? null : results.said(parent)
  if (above === undefined) return `what it is built on is damaged, or not there: ${parent}`
  const lacking = layers.find((layer) => !isThere(`${layout.root}/${layer}`))
  if (lacking !== undefined) return `its directory ${lacking} is not there`
  if (below.length === 0) return undefined
  if (above === null) return "it is built on nothing, and has other results' files"
  const merged = [`squashed/${parent}/${LAYER}`, above.layers.at(-1)]
  return [above.layers, merged].some((expected) => expected.join() === below.join())
    ? undefined
    : "its files are not built on its parent's"
}

const wrongLog = (layout: Layout, id: StepId, { logSize }: Meta): string | undefined => {
  const size = Fs.lstatSync(layout.log(id), { throwIfNoEntry: false })?.size ?? 0
  return size === logSize ? undefined : `its log has ${size} bytes instead of ${logSize}`
}

export const isDirectory: IsThere = (path) => Fs.lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true

/** The digest of a result's own files that was recorded, if one was. */
export const recorded = (layout: Layout, id: StepId): string | undefined => {
  if (!Fs.existsSync(layout.data(id))) return undefined
  const text = Fs.readFileSync(layout.data(id), "utf8")
  // What was not written to its end says nothing.
  return ID.test(text) ? text : undefined
}

/** Records it. */
export const record = (layout: Layout, id: StepId, digest: Digest): void => {
  const temporary = `${layout.data(id)}.new`
  Fs.writeFileSync(temporary, digest, { mode: 0o600, flush: true })
  Fs.renameSync(temporary, layout.data(id))
}

/** Caches that are broken, and what belongs to no result. */
export const others = (layout: Layout): ReadonlyArray<Fault> => [
  ...namesAt(layout.caches).flatMap((key): ReadonlyArray<Fault> => {
    const message = Caches.isKey(key) ? Caches.faultOf(layout.caches, key) : undefined
    return message === undefined ? [] : [{ what: { _tag: "Cache", key }, message }]
  }),
  ...namesAt(layout.squashed)
    .filter((name) => ID.test(name) && !Fs.existsSync(`${layout.results}/${name}`))
    .map((name): Fault => ({
      what: { _tag: "Leftover", path: `${layout.squashed}/${name}` },
      message: "it belongs to a result that is not there"
    }))
]
