/**
 * Where the file systems of a step are mounted, and the mount points that they
 * lack. Read only: while it is found out nobody can change what is looked at.
 *
 * A step can leave links in its home that lead anywhere on the host, and what is
 * mounted is mounted by root: so what a cache's target goes through must be
 * directories of these file systems, and nothing else.
 */
import * as Fs from "node:fs"
import type { DirectoryRootfs, Rootfs } from "../../Rootfs.ts"
import type { Mount } from "../../Sandbox.ts"
import { sandboxError } from "../Failure.ts"
import { BREW, HOME, homeOf, type UserOptions } from "../UserSandbox.ts"

/** A file system to be mounted for a step. */
export interface Place {
  /** Where: an absolute path without links. */
  readonly at: string
  /** Where the store has it mounted. */
  readonly path: string
  readonly dataset: string
  /** The directories on the way to its mount point that are missing from the file system that it is mounted in, outermost first. */
  readonly missing: ReadonlyArray<Missing>
}

/** A directory to be made, and to be removed after the run. */
export interface Missing {
  /** Where the store has the file system that it is in. */
  readonly root: string
  /** In that: the names on the way, and its own. */
  readonly names: ReadonlyArray<string>
}

/** A cache that cannot be mounted where it is wanted. */
export class BadPlace extends Error {}

/** In the order in which they are to be mounted. Throws {@link BadPlace}, and `SandboxError` for a store of another kind. */
export const find = (
  { brewPath, uid }: UserOptions,
  rootfs: Rootfs,
  caches: ReadonlyArray<Mount>
): ReadonlyArray<Place> => {
  const root = withDataset(rootfs)
  const part = (name: string, at: string): Place => ({
    at,
    path: `${root.path}/${name}`,
    dataset: `${root.dataset}/${name}`,
    missing: []
  })
  const places = [part(HOME, homeOf(uid)), part(BREW, brewPath)]
  const targets = caches.map(({ rootfs, target }) => ({ names: namesOf(target), ...withDataset(rootfs) }))
  // What is mounted inside of something else comes after it.
  for (const { dataset, names, path } of targets.sort((a, b) => a.names.length - b.names.length)) {
    const at = `/${names.join("/")}`
    places.push({ at, path, dataset, missing: missingOn(names, at, places) })
  }
  return places
}

const withDataset = (rootfs: Rootfs): Required<DirectoryRootfs> => {
  if (rootfs._tag === "Directory" && rootfs.dataset !== undefined) return { ...rootfs, dataset: rootfs.dataset }
  throw sandboxError("steps as a user need a store of ZFS", undefined, "name one with --store=zfs:POOL/DATASET")
}

const namesOf = (target: string): ReadonlyArray<string> => {
  const names = target.split("/").filter((name) => name !== "" && name !== ".")
  if (!target.startsWith("/") || names.includes(".."))
    throw new BadPlace(`the cache's target ${target} is no plain path`)
  return names
}

const missingOn = (names: ReadonlyArray<string>, at: string, places: ReadonlyArray<Place>): ReadonlyArray<Missing> => {
  if (places.some((place) => place.at === at)) throw new BadPlace(`something else is mounted at ${at}`)
  const within = places.findLast((place) => at.startsWith(`${place.at}/`))
  if (within === undefined) {
    const [home, brew] = places
    throw new BadPlace(`a cache can be in ${home?.at} and in ${brew?.at} only, and ${at} is not`)
  }
  const rest = names.slice(within.at.split("/").length - 1)
  const missing: Array<Missing> = []
  for (let depth = 1; depth <= rest.length; depth++) {
    const some = rest.slice(0, depth)
    const stats = Fs.lstatSync(`${within.path}/${some.join("/")}`, { throwIfNoEntry: false })
    if (stats === undefined) missing.push({ root: within.path, names: some })
    else if (!stats.isDirectory())
      throw new BadPlace(`${within.at}/${some.join("/")} is not a directory: no cache can be there`)
  }
  return missing
}
