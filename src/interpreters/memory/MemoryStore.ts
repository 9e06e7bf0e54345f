/** A `Store` on a {@link MemoryWorld}'s disk. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { StepId } from "../../domain/Digest.ts"
import type { User } from "../../domain/Spec.ts"
import { SourceError } from "../SourceTree.ts"
import {
  MOST_CHILDREN,
  type NoteName,
  type ResultInfo,
  Store,
  StoreError,
  type StoreService,
  UnknownId,
  type Workspace
} from "../Store.ts"
import * as Uses from "../Uses.ts"
import * as FileTree from "./FileTree.ts"
import * as MemoryInventory from "./MemoryInventory.ts"
import { TreeCell, toRootfs } from "./MemoryRootfs.ts"
import { MemorySession, type Session } from "./MemorySession.ts"
import type { Claim, MemoryWorld, StoredResult } from "./MemoryWorld.ts"
import * as TreeChanges from "./TreeChanges.ts"
import * as TreeCopy from "./TreeCopy.ts"
import * as TreeSource from "./TreeSource.ts"
import * as TreeTar from "./TreeTar.ts"

/** The store of a session. */
export const make = (session: Session): StoreService => {
  const { world } = session

  const act = <A, E = never>(name: string, body: () => Effect.Effect<A, E>): Effect.Effect<A, E | StoreError> =>
    session.act(`store.${name}`, storeError, body)

  const stored = (id: StepId): Effect.Effect<StoredResult, UnknownId> =>
    Effect.suspend(() => {
      const result = world.results.get(id)
      return result === undefined ? Effect.fail(new UnknownId({ id, candidates: [] })) : Effect.succeed(result)
    })

  /** Something on the disk until it is dropped, or its session is dead. */
  const temporary = (what: string): number => {
    const number = world.tick()
    world.temporary.set(number, { session: session.id, what })
    return number
  }

  const begin = (info: ResultInfo): Effect.Effect<Making, StoreError> =>
    act("build.begin", () => {
      const parent = Option.map(info.parent, (id) => world.results.get(id))
      if (Option.isSome(parent) && parent.value === undefined) {
        return Effect.fail(storeError(`the parent of ${info.id} is not in the store`))
      }
      const tree = Option.getOrUndefined(parent)?.tree ?? FileTree.empty
      const number = temporary(`the making of ${info.id}`)
      const claim = world.claims.get(info.id)
      const log = claim?.session === session.id ? claim.log : []
      return Effect.succeed({
        number,
        cell: new TreeCell(tree),
        log,
        notes: new Map<NoteName, string>(),
        isFilled: false,
        isClosed: false
      })
    })

  const workspace = (making: Making): Workspace => {
    const whileFilling = <A, E>(name: string, body: () => Effect.Effect<A, E>): Effect.Effect<A, E | StoreError> =>
      act<A, E | StoreError>(name, () =>
        making.isFilled ? Effect.fail(storeError("the result is made already")) : body()
      )
    return {
      rootfs: toRootfs(making.cell),
      copy: (request) =>
        Effect.flatMap(
          TreeCopy.copy(making.cell.tree, request, () => whileFilling("copy.file", () => Effect.void)),
          (tree) =>
            whileFilling("copy.end", () => {
              making.cell.tree = tree
              return Effect.void
            })
        ),
      log: (chunk) =>
        whileFilling("log", () => {
          making.log.push(Uint8Array.from(chunk))
          return Effect.void
        }),
      note: (name, text) =>
        whileFilling("note", () => {
          making.notes.set(name, text)
          return Effect.void
        }),
      readLog: (offset, limit) =>
        act("readLog", () =>
          making.isClosed
            ? Effect.fail(storeError("the log's scope has closed"))
            : Effect.succeed(slice(Buffer.concat(making.log), offset, limit))
        )
    }
  }

  const keep = (info: ResultInfo, making: Making): Effect.Effect<void, StoreError> =>
    Effect.flatMap(uses.current, (use) => keepFor(use, info, making))

  const keepFor = (use: Uses.Use | undefined, info: ResultInfo, making: Making): Effect.Effect<void, StoreError> =>
    act("build.commit", () => {
      // Of two that make the same result, the first to finish has won.
      if (!world.results.has(info.id)) {
        const now = world.tick()
        const log = Buffer.concat(making.log)
        world.results.set(info.id, {
          info,
          tree: making.cell.tree,
          log,
          notes: making.notes,
          created: now,
          lastUsed: now
        })
      }
      hold(info.id, use)
      world.temporary.delete(making.number)
      return Effect.void
    })

  /** What this session holds. */
  const own = new Set<StepId>()
  const uses = Uses.make()

  const hold = (id: StepId, use: Uses.Use | undefined): void => {
    own.add(id)
    use?.add(id)
    const sessions = world.holds.get(id)
    if (sessions === undefined) world.holds.set(id, new Set([session.id]))
    else sessions.add(session.id)
  }

  const drop = (making: Making): Effect.Effect<void> =>
    session.finish("store.build.drop", () => {
      world.temporary.delete(making.number)
    })

  return {
    name: "memory",
    result: (id) => act("result", () => Effect.succeed(Option.map(Option.fromNullable(world.results.get(id)), infoOf))),
    realised: (planned) => act("realised", () => Effect.succeed(Option.fromNullable(world.realised.get(planned)))),
    realise: (planned, realised) =>
      act("realise", () => {
        world.realised.set(planned, realised)
        return Effect.void
      }),
    hold: (id) =>
      act("hold", () =>
        Effect.map(uses.current, (use) => {
          const isThere = world.results.has(id)
          if (isThere) hold(id, use)
          return isThere
        })
      ),
    using: uses.using,
    release: Effect.sync(() => {
      for (const id of own) {
        if (uses.has(id)) continue
        world.holds.get(id)?.delete(session.id)
        own.delete(id)
      }
    }),
    used: (id) =>
      session.finish("store.used", () => {
        const result = world.results.get(id)
        if (result !== undefined) result.lastUsed = world.tick()
      }),
    find: (prefix) => act("find", () => find(world, prefix)),
    children: (parent) =>
      act("children", () => {
        const all = [...world.results.values()].filter(({ info }) => isOn(info, parent))
        const newest = all.toSorted((a, b) => b.created - a.created).map(({ info }) => info.id)
        return Effect.succeed(newest.slice(0, MOST_CHILDREN))
      }),
    log: (id, offset, limit) => act("log", () => Effect.map(stored(id), (result) => slice(result.log, offset, limit))),
    note: (id, name) => act("note", () => Effect.succeed(Option.fromNullable(world.results.get(id)?.notes.get(name)))),
    annotate: (id, name, text) =>
      act("annotate", () => {
        world.results.get(id)?.notes.set(name, text)
        return Effect.void
      }),
    tree: (id) =>
      Effect.gen(function* () {
        const result = yield* act("tree", () => stored(id))
        const handle = { isOpen: true }
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            handle.isOpen = false
          })
        )
        const source = TreeSource.fromTree(result.tree)
        const check = <A>(path: string, read: Effect.Effect<A, SourceError>): Effect.Effect<A, SourceError> =>
          session.act(
            "store.tree.read",
            (message) => new SourceError({ path, message, hint: Option.none() }),
            () =>
              handle.isOpen
                ? read
                : Effect.fail(new SourceError({ path, message: "the tree's scope has closed", hint: Option.none() }))
          )
        return {
          ...source,
          manifest: (src, exclude, preserve) => check(src, source.manifest(src, exclude, preserve)),
          read: (path) => check(path, source.read(path))
        }
      }),
    tar: (id, write) =>
      Effect.flatMap(
        act("tar", () => stored(id)),
        (result) => TreeTar.write(result.tree, write)
      ),
    layer: (id, write, { whole }) =>
      Effect.gen(function* () {
        const { info, tree } = yield* act("layer", () => stored(id))
        const parent = whole ? undefined : Option.getOrUndefined(info.parent)
        const before = parent === undefined ? undefined : (yield* act("layer", () => stored(parent))).tree
        const changed = before === undefined ? tree : TreeChanges.between(before, tree)
        if (changed === undefined) return false
        yield* TreeTar.write(changed, write)
        return true
      }),
    claim: (id) =>
      Effect.gen(function* () {
        const released = yield* Deferred.make<void>()
        const claim: Claim = {
          session: session.id,
          log: [],
          over: Effect.raceFirst(Deferred.await(released), session.crashed)
        }
        const taken = act("claim", () => {
          const other = world.claims.get(id)
          if (other !== undefined && world.sessions.has(other.session)) return Effect.succeed(other)
          world.claims.set(id, claim)
          return Effect.succeed(claim)
        })
        const holder = yield* Effect.acquireRelease(taken, (one) =>
          one !== claim
            ? Effect.void
            : Effect.zipRight(
                session.finish("store.claim.release", () => {
                  if (world.claims.get(id) === claim) world.claims.delete(id)
                }),
                Deferred.succeed(released, undefined)
              )
        )
        return holder === claim
          ? Option.none()
          : Option.some({
              readLog: (offset: number, limit: number) =>
                Effect.sync(() => slice(Buffer.concat(holder.log), offset, limit)),
              more: Effect.as(holder.over, false),
              kept: Effect.sync(() => {
                const result = world.results.get(id)
                return result !== undefined && Buffer.concat(holder.log).equals(result.log)
              })
            })
      }),
    build: <E, R>(info: ResultInfo, fill: (workspace: Workspace) => Effect.Effect<void, E, R>) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          const making = yield* begin(info)
          yield* Effect.addFinalizer(() =>
            Effect.sync(() => {
              making.isClosed = true
            })
          )
          const filled = yield* Effect.exit(restore(session.during("build", info.id, fill(workspace(making)))))
          making.isFilled = true
          const kept: Exit.Exit<void, E | StoreError> = Exit.isSuccess(filled)
            ? yield* Effect.exit(keep(info, making))
            : filled
          if (Exit.isFailure(kept)) yield* drop(making)
          return yield* kept
        })
      ),
    // A new session has done it.
    reclaim: Effect.void,
    inventory: MemoryInventory.make(world, act),
    cache: (name, owner) =>
      Effect.map(
        Effect.acquireRelease(
          act("cache.copy", () => {
            const current = world.caches.get(name) ?? {
              version: 0,
              tree: newCache(owner),
              lastUsed: world.tick()
            }
            world.caches.set(name, current)
            const number = temporary(`a copy of the cache ${name}`)
            return Effect.succeed({ number, version: current.version, cell: new TreeCell(current.tree) })
          }),
          ({ cell, number, version }) =>
            session.finish("store.cache.release", () => {
              if (world.caches.get(name)?.version === version) {
                world.caches.set(name, { version: version + 1, tree: cell.tree, lastUsed: world.tick() })
              }
              world.temporary.delete(number)
            })
        ),
        ({ cell }) => ({ rootfs: toRootfs(cell) })
      )
  }
}

export const layer: Layer.Layer<Store, never, MemorySession> = Layer.effect(Store, Effect.map(MemorySession, make))

/** A result in the making. */
interface Making {
  readonly number: number
  readonly cell: TreeCell
  readonly log: Array<Uint8Array>
  readonly notes: Map<NoteName, string>
  isFilled: boolean
  isClosed: boolean
}

const storeError = (message: string): StoreError => new StoreError({ message, hint: Option.none(), cause: undefined })

const infoOf = (result: StoredResult): ResultInfo => result.info

const isOn = (info: ResultInfo, parent: Option.Option<StepId>): boolean =>
  Option.getOrUndefined(info.parent) === Option.getOrUndefined(parent)

const slice = (log: Uint8Array, offset: number, limit: number): Uint8Array =>
  Uint8Array.from(log.subarray(offset, offset + limit))

/** A name has no ids outside an image, other than root's. */
const newCache = (owner: User): FileTree.Directory =>
  FileTree.directory(new Map(), owner._tag === "Unix" ? { uid: owner.uid, gid: owner.gid } : FileTree.rootOwner)

const find = (world: MemoryWorld, prefix: string): Effect.Effect<ResultInfo, UnknownId> => {
  const meant = new Set<StepId>()
  if (prefix === "") return Effect.fail(new UnknownId({ id: prefix, candidates: [] }))
  for (const id of world.results.keys()) if (id.startsWith(prefix)) meant.add(id)
  for (const [planned, id] of world.realised) if (planned.startsWith(prefix) && world.results.has(id)) meant.add(id)
  const candidates = [...meant].sort()
  const [only, ...others] = candidates
  const result = only === undefined || others.length > 0 ? undefined : world.results.get(only)
  return result === undefined ? Effect.fail(new UnknownId({ id: prefix, candidates })) : Effect.succeed(result.info)
}
