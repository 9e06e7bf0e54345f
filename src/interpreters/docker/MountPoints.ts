/**
 * The mount points that an engine makes in an image, and in caches that others
 * are mounted in, and that are not to stay there.
 */
import { posix } from "node:path"
import type { Command } from "../Sandbox.ts"
import { ContainerView } from "./ContainerView.ts"
import type { DockerTree, DockerVolume } from "./DockerTree.ts"
import type { Change, EngineCalls } from "./EngineCalls.ts"
import * as Remover from "./Remover.ts"
import { mountOf, PLACE, withVolume } from "./Volumes.ts"

export interface Points {
  /** Targets that are in the image itself. */
  readonly inImage: ReadonlyArray<string>
  /** What is missing from caches, below their own roots, and will be made. */
  readonly inCaches: ReadonlyArray<{ readonly volume: DockerVolume; readonly paths: ReadonlyArray<string> }>
}

type Caches = ReadonlyArray<{ readonly target: string; readonly volume: DockerVolume }>

const normal = (target: string): string => posix.resolve("/", target)

const isBelow = (path: string, directory: string): boolean =>
  path !== directory && `${path}/`.startsWith(`${directory}/`)

/** Looks, before the container is made, for what it will lack. */
export const look = async (
  tree: DockerTree,
  caches: Caches,
  { secrets }: Command,
  signal: AbortSignal
): Promise<Points> => {
  const targets = [...caches, ...secrets].map(({ target }) => normal(target))
  const inImage: Array<string> = []
  const below = new Map<DockerVolume, Array<string>>()
  for (const target of targets) {
    const enclosing = caches
      .filter((cache) => isBelow(target, normal(cache.target)))
      .sort((a, b) => b.target.length - a.target.length)[0]
    if (enclosing === undefined) inImage.push(target)
    else {
      const path = target.slice(normal(enclosing.target).length)
      below.set(enclosing.volume, [...(below.get(enclosing.volume) ?? []), path])
    }
  }
  const inCaches: Array<Points["inCaches"][number]> = []
  for (const [volume, paths] of below) inCaches.push({ volume, paths: await missing(tree, volume, paths, signal) })
  return { inImage, inCaches }
}

/** Those of the paths and of the directories on the way to them that a volume lacks, the deepest first. */
const missing = async (
  { name, workshop }: DockerTree,
  volume: DockerVolume,
  paths: ReadonlyArray<string>,
  signal: AbortSignal
): Promise<ReadonlyArray<string>> => {
  return withVolume(workshop, { name, volume: volume.name }, signal, async (calls, container) => {
    const view = new ContainerView(calls, container, new Set(), signal)
    const found = new Set<string>()
    for (const path of paths) {
      for (const part of upwards(path)) {
        if ((await view.look(`${PLACE}${part}`)) !== undefined) break
        found.add(part)
      }
    }
    return deepestFirst(found)
  })
}

/** A path, its directory, and so on, without the root. */
function* upwards(path: string): Generator<string> {
  for (let at = path; at !== "/" && at !== ""; at = posix.dirname(at)) yield at
}

const deepestFirst = (paths: Iterable<string>): ReadonlyArray<string> =>
  [...paths].sort((a, b) => b.split("/").length - a.split("/").length)

/** What of them the engine has made in a container's own layer, the deepest first. */
export const added = async (
  calls: EngineCalls,
  { container, changes }: { readonly container: string; readonly changes: ReadonlyArray<Change> },
  { inImage }: Points,
  signal: AbortSignal
): Promise<ReadonlyArray<string>> => {
  if (inImage.length === 0) return []
  const made = new Set(changes.flatMap(({ Kind, Path }) => (Kind === 1 ? [Path] : [])))
  const view = new ContainerView(calls, container, new Set(), signal)
  const found = new Set<string>()
  for (const target of inImage) {
    // The image may have a link on the way.
    const directory = (await view.resolve(posix.dirname(target))).path
    const path = `${directory}/${posix.basename(target)}`
    for (const part of upwards(path)) if (made.has(part)) found.add(part)
  }
  return deepestFirst(found)
}

/** Removes what was made in caches. */
export const clearCaches = async ({ name, workshop }: DockerTree, { inCaches }: Points, signal: AbortSignal) => {
  for (const { paths, volume } of inCaches) {
    if (paths.length === 0) continue
    const removal = { paths: paths.map((path) => `${PLACE}${path}`), mounts: [mountOf(volume.name)] }
    await Remover.removeMounted(workshop, name, removal, signal)
  }
}
