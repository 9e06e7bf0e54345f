/**
 * Where in an image things are mounted, and the mount points that it lacks.
 *
 * A runtime makes missing mount points itself, in the image, where they stay in
 * the result. So they are found out beforehand, as the container will see them:
 * component by component, through the layers, links followed inside the root
 * only, and through what is mounted already. `Skeleton.ts` provides them.
 */
import * as Fs from "node:fs"
import type { Command } from "../Sandbox.ts"
import { components, type Entry, type LayeredTree } from "../host/LayeredTree.ts"

export type PointKind = "directory" | "file"

/** A mount point that is to be made. */
export interface MissingPoint {
  /** In the file system that it is missing from: absolute, without links. */
  readonly path: string
  readonly kind: PointKind
}

/** A target that cannot be mounted on in this image. */
export class BadTarget extends Error {}

interface Filesystem {
  /** Where it is mounted in the container. */
  readonly at: string
  /** `undefined` for what the runtime mounts afresh, and for files. */
  readonly tree: LayeredTree | undefined
  readonly kind: PointKind
  readonly missing: Array<MissingPoint>
}

interface Place {
  readonly path: string
  readonly filesystem: Filesystem
  /** `undefined` where nothing is known to be there. */
  readonly entry: Entry | undefined
}

/** Linux follows 40 links before it gives up. */
const MAX_LINKS = 40

export class MountPoints {
  private readonly root: Filesystem
  /** The last one mounted first. */
  private readonly mounted: Array<Filesystem> = []

  constructor(tree: LayeredTree) {
    this.root = { at: "/", tree, kind: "directory", missing: [] }
  }

  /** What the root file system lacks. */
  get missing(): ReadonlyArray<MissingPoint> {
    return this.root.missing
  }

  /** Something that the runtime mounts where `target` says, such as `/proc`. */
  system(target: string): void {
    const { entry } = this.find([target.slice(1)], false)
    // Through a link the runtime would reach, and write to, what it leads to on the host.
    if (entry !== undefined && entry.kind !== "directory")
      throw new BadTarget(`${target} is not a directory in the image`)
    if (entry === undefined) this.root.missing.push({ path: target, kind: "directory" })
    this.mounted.unshift({ at: target, tree: undefined, kind: "directory", missing: [] })
  }

  /**
   * Mounts a file, or a directory with what `tree` says, and returns the target
   * without links and the list that what is missing inside will be added to.
   * Throws {@link BadTarget}.
   */
  mount(
    target: string,
    kind: PointKind,
    tree?: LayeredTree
  ): { readonly target: string; readonly missing: ReadonlyArray<MissingPoint> } {
    const place = this.find(components(target), true)
    const { path, entry, filesystem } = place
    if (path === "/") throw new BadTarget(`${target} is the root directory`)
    // The runtime trusts what it finds in /dev, /proc and /sys: that must not be a step's making.
    if (filesystem.tree === undefined && filesystem.kind === "directory") {
      throw new BadTarget(`${target} is in ${filesystem.at}, where nothing can be mounted`)
    }
    // A file on a file, a directory on a directory: that is the kernel's rule.
    if (entry !== undefined && (entry.kind === "directory") !== (kind === "directory")) {
      throw new BadTarget(`${target} is ${entry.kind === "directory" ? "a directory" : "not a directory"} in the image`)
    }
    if (entry === undefined && filesystem.tree !== undefined && filesystem.at !== path) {
      filesystem.missing.push({ path: within(filesystem, path), kind })
    }
    const mounted: Filesystem = { at: path, tree, kind, missing: [] }
    this.mounted.unshift(mounted)
    return { target: path, missing: mounted.missing }
  }

  /** Follows a path as far as it is known; what is missing is taken as directories still to be made. */
  private find(path: ReadonlyArray<string>, follow: boolean): Place {
    const start: Place = { path: "/", filesystem: this.root, entry: this.root.tree?.root }
    const pending = [...path].reverse()
    let trail: Array<Place> = [start]
    let links = 0
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (name === "..") {
        if (trail.length > 1) trail.pop()
        continue
      }
      const next = this.step(trail.at(-1) ?? start, name)
      if (follow && next.entry?.kind === "link") {
        if (++links > MAX_LINKS) throw new BadTarget(`${next.path} is a link that leads nowhere`)
        const target = Fs.readlinkSync(next.entry.hostPath)
        if (target.startsWith("/")) trail = [start]
        pending.push(...components(target).reverse())
      } else trail.push(next)
    }
    return trail.at(-1) ?? start
  }

  private step({ path: parent, filesystem, entry }: Place, name: string): Place {
    const path = parent === "/" ? `/${name}` : `${parent}/${name}`
    const mounted = this.mounted.find(({ at }) => at === path)
    if (mounted !== undefined) return { path, filesystem: mounted, entry: mounted.tree?.root }
    const inFile =
      entry === undefined ? filesystem.kind === "file" && filesystem.at === parent : entry.kind !== "directory"
    if (inFile) throw new BadTarget(`${parent} is not a directory in the image`)
    return { path, filesystem, entry: entry === undefined ? undefined : filesystem.tree?.child(entry, name) }
  }
}

const within = ({ at }: Filesystem, path: string): string => (at === "/" ? path : path.slice(at.length))

/** What no program can be given. Throws {@link BadTarget}. */
export const refuseNuls = ({ argv, cwd, environment, caches, secrets }: Command): void => {
  const texts = [...argv, cwd, ...environment.flatMap(({ name, value }) => [name, value])]
  if ([...texts, ...[...caches, ...secrets].map(({ target }) => target)].some((text) => text.includes("\0"))) {
    throw new BadTarget("the command, its environment or a path has a NUL character in it")
  }
}

/** What is inside of something else comes after it. */
export const byDepth = <A extends { readonly target: string }>(items: ReadonlyArray<A>): ReadonlyArray<A> => {
  const depth = ({ target }: A): number => target.split("/").filter((name) => name !== "").length
  return [...items].sort((a, b) => depth(a) - depth(b))
}
