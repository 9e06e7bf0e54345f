/** What is on a {@link MemoryWorld}'s disk, and how it goes. Times are ticks of the world's clock. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { StepId } from "../../domain/Digest.ts"
import type { Footprint, Inventory, Removal } from "../Inventory.ts"
import type { StoreError } from "../Store.ts"
import type * as FileTree from "./FileTree.ts"
import type { MemoryWorld } from "./MemoryWorld.ts"

const NOTHING: Footprint = { unique: 0, shared: 0 }

/** An operation of the session's, at which its faults can strike. */
type Act = <A>(name: string, body: () => Effect.Effect<A>) => Effect.Effect<A, StoreError>

export const make = (world: MemoryWorld, act: Act): Inventory => {
  const remove = (id: StepId): Removal => {
    const result = world.results.get(id)
    if (result === undefined) return "Absent"
    if (world.held().has(id)) return "InUse"
    const isParent = [...world.results.values()].some(({ info }) => Option.contains(info.parent, id))
    if (isParent) return "BuiltOn"
    world.results.delete(id)
    const parent = Option.map(result.info.parent, (above) => world.results.get(above))
    if (Option.isSome(parent) && parent.value !== undefined) {
      parent.value.lastUsed = Math.max(parent.value.lastUsed, result.lastUsed)
    }
    return "Removed"
  }
  const measure = (id: StepId): Footprint => {
    const result = world.results.get(id)
    const parent = Option.flatMapNullable(result?.info.parent ?? Option.none(), (above) => world.results.get(above))
    return result === undefined ? NOTHING : footprint(result.tree, Option.getOrUndefined(parent)?.tree)
  }
  return {
    isThere: Effect.succeed(true),
    results: act("results", () =>
      Effect.succeed(
        [...world.results.values()].map(({ created, info, lastUsed, log }) => ({
          ...info,
          created,
          lastUsed,
          logSize: log.length
        }))
      )
    ),
    held: act("held", () => Effect.succeed(world.held())),
    footprint: (id) => act("footprint", () => Effect.sync(() => measure(id))),
    remove: (ids, tell) =>
      Effect.forEach(
        ids,
        (id) =>
          Effect.flatMap(
            act("remove", () => Effect.succeed(remove(id))),
            (removal) => tell(id, removal)
          ),
        { discard: true }
      ),
    tidy: act("tidy", () =>
      Effect.sync(() => {
        for (const [planned, id] of world.realised) if (!world.results.has(id)) world.realised.delete(planned)
      })
    ),
    // Sources in memory are never hashed.
    forgetFiles: Effect.void,
    caches: act("caches", () =>
      Effect.succeed([...world.caches].map(([name, { lastUsed }]) => ({ name, key: name, lastUsed })))
    ),
    cacheFootprint: (key) =>
      act("cacheFootprint", () => {
        const cache = world.caches.get(key)
        return Effect.succeed(cache === undefined ? NOTHING : footprint(cache.tree, undefined))
      }),
    removeCache: (key) => act("removeCache", () => Effect.sync(() => world.caches.delete(key))),
    // Bases in memory come from no registry.
    blobs: Effect.succeed([]),
    removeBlob: () => Effect.succeed(false),
    forgetImages: Effect.void,
    // Memory is not damaged; but a test may have taken a result away.
    check: (_, { fault }) =>
      act("check", () => {
        const orphans = [...world.results.values()].filter(
          ({ info }) => Option.isSome(info.parent) && !world.results.has(info.parent.value)
        )
        return Effect.forEach(orphans, ({ info }) =>
          fault({ what: { _tag: "Result", id: info.id }, message: "what it is built on is damaged, or not there" })
        ).pipe(Effect.as({ results: world.results.size, caches: world.caches.size, compared: 0, recorded: 0 }))
      }),
    removeLeftover: () => Effect.void,
    free: act("free", () =>
      Effect.sync(() => world.capacity - [...world.results.keys()].reduce((sum, id) => sum + measure(id).unique, 0))
    )
  }
}

/** Bytes of the files that a tree has, and its parent's has not: as with layers, what both have is the parent's. */
const footprint = (tree: FileTree.Directory, parent: FileTree.Directory | undefined): Footprint => {
  const inherited = new Set(parent === undefined ? [] : filesOf(parent))
  const own = filesOf(tree).filter((file) => !inherited.has(file))
  return { unique: own.reduce((total, { content }) => total + content.length, 0), shared: 0 }
}

const filesOf = (node: FileTree.Node): ReadonlyArray<FileTree.File> =>
  node._tag === "File" ? [node] : node._tag === "Directory" ? [...node.entries.values()].flatMap(filesOf) : []
