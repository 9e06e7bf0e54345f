/**
 * Results as datasets of ZFS, each a clone of its parent's: see
 * `local/DatasetTrees.ts`. Everything else that the store keeps is in the
 * dataset that the user names, where that is mounted.
 *
 * Where the dataset is mounted, as it is but for the first time, the kernel
 * says where: nothing is run before a step has to be executed.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { StepId } from "../../domain/Digest.ts"
import * as Zfs from "../host/Zfs.ts"
import type { Footprint } from "../Inventory.ts"
import * as Shared from "../Shared.ts"
import { Store, type StoreError, type StoreService, UnknownId } from "../Store.ts"
import * as Uses from "../Uses.ts"
import { make as makeTrees, TREES } from "./local/DatasetTrees.ts"
import { Layout } from "./local/Layout.ts"
import * as LocalStore from "./LocalStore.ts"

export interface Options {
  /** A file system of ZFS, made when it is missing in its pool: `tank/obuilder`. */
  readonly dataset: string
  /** Directories at the root of every result that are file systems of their own, for a sandbox to mount elsewhere. */
  readonly parts?: ReadonlyArray<string>
}

/** A store in a dataset, for as long as the scope is open. */
export const make = ({ dataset, parts }: Options): Effect.Effect<StoreService, StoreError, Scope.Scope> =>
  Effect.gen(function* () {
    if (!Zfs.isDataset(dataset)) {
      return yield* LocalStore.unsuitable(
        `${JSON.stringify(dataset)} is no name of a ZFS file system`,
        "name a pool, or a file system in one: --store=zfs:tank/obuilder"
      )
    }
    const scope = yield* Effect.scope
    const zfs = Zfs.make(scope)
    const name = `zfs:${dataset}`
    const uses = Uses.make()
    const storeAt = (root: string): Effect.Effect<StoreService, never, Scope.Scope> =>
      LocalStore.inLayout(name, new Layout(root, [TREES]), makeTrees(zfs, dataset, root, parts), uses)
    const root = Zfs.mountOf(dataset)
    if (root !== undefined) return yield* storeAt(root)
    const found = Shared.make(Effect.flatMap(find(zfs, dataset), Effect.transposeMapOption(storeAt)), scope)
    const made = Shared.make(Effect.flatMap(create(zfs, dataset), storeAt), scope)
    return later(name, uses, found, made)
  })

export const layer = (options: Options): Layer.Layer<Store, StoreError> => Layer.scoped(Store, make(options))

/** As `LocalStore.rootOf`; none while the dataset is not mounted. */
export const rootOf = (dataset: string): Option.Option<string> =>
  Zfs.isDataset(dataset)
    ? Option.flatMap(Option.fromNullable(Zfs.mountOf(dataset)), (root) => LocalStore.rootOf("zfs", root))
    : Option.none()

/** Where a dataset is, which is mounted if it was not; none where its pool has no such dataset. */
const find = (zfs: Zfs.Zfs, dataset: string): Effect.Effect<Option.Option<string>, StoreError> =>
  Effect.gen(function* () {
    const [pool = ""] = dataset.split("/")
    const list = (name: string) => zfs.run("list", "-H", "-o", "name", name)
    const found = yield* Effect.either(list(dataset))
    if (Either.isRight(found)) return Option.some(yield* mounted(zfs, dataset))
    if (!Zfs.saysMissing(found.left)) return yield* Zfs.zfsError(cannotOpen(dataset), found.left)
    return yield* Effect.matchEffect(list(pool), {
      onSuccess: () => Effect.succeedNone,
      onFailure: (error) =>
        Zfs.saysMissing(error)
          ? LocalStore.unsuitable(
              `${cannotOpen(dataset)}: there is no ZFS pool "${pool}"`,
              "name one of those that `zpool list` shows, bring one in (zpool import), or make one (zpool create)"
            )
          : Zfs.zfsError(cannotOpen(dataset), error)
    })
  })

const cannotOpen = (dataset: string): string => `cannot open the store zfs:${dataset}`

/** Where a dataset is that was just not there. */
const create = (zfs: Zfs.Zfs, dataset: string): Effect.Effect<string, StoreError> =>
  zfs.run("create", "-p", dataset).pipe(
    // Another process was faster.
    Effect.catchIf(Zfs.saysThere, () => Effect.void),
    Effect.mapError((error) => Zfs.zfsError(`cannot make the store zfs:${dataset}`, error)),
    Effect.zipRight(mounted(zfs, dataset))
  )

/** How often it is looked whether another process has mounted a dataset, and milliseconds in between. */
const LOOKS = 10
const PAUSE = 25

/** Where a dataset is, which is mounted if it is not. */
const mounted = (zfs: Zfs.Zfs, dataset: string): Effect.Effect<string, StoreError> =>
  Effect.gen(function* () {
    // Who has just made it is about to mount it: two who do so at the same time are in each other's way.
    for (let look = 0; look < LOOKS; look++) {
      const root = Zfs.mountOf(dataset)
      if (root !== undefined) return root
      yield* Effect.sleep(PAUSE)
    }
    const mounting = yield* Effect.either(zfs.run("mount", dataset))
    const root = Zfs.mountOf(dataset)
    if (root !== undefined) return root
    const why = Either.isLeft(mounting) ? mounting.left.message : "its mount is not where this process could see it"
    return yield* LocalStore.unsuitable(
      `${cannotOpen(dataset)}: it is not mounted: ${why}`,
      `let ZFS mount it: zfs set mountpoint=/${dataset} ${dataset}`
    )
  })

const NOTHING: Footprint = { unique: 0, shared: 0 }

/** A store that is looked for, and made where there is none, when it is needed. */
const later = (
  name: string,
  uses: Uses.Uses,
  found: Effect.Effect<Option.Option<StoreService>, StoreError>,
  toMake: Effect.Effect<StoreService, StoreError>
): StoreService => {
  let present: StoreService | undefined
  const made = Effect.tap(
    Effect.flatMap(found, Option.match({ onSome: Effect.succeed, onNone: () => toMake })),
    (store) => {
      present = store
    }
  )
  /** What reads a store, and what that finds where there is none. */
  const inFound = <A, E, R>(none: Effect.Effect<A, E>, use: (store: StoreService) => Effect.Effect<A, E, R>) =>
    Effect.flatMap(
      Effect.suspend(() => (present === undefined ? found : Effect.succeedSome(present))),
      (store): Effect.Effect<A, E, R> => (Option.isSome(store) ? use(store.value) : none)
    )
  const unknown = (id: string) => Effect.fail(new UnknownId({ id, candidates: [] }))
  return {
    name,
    result: (id) => inFound(Effect.succeedNone, (store) => store.result(id)),
    realised: (planned) => inFound(Effect.succeedNone, (store) => store.realised(planned)),
    find: (prefix) => inFound(unknown(prefix), (store) => store.find(prefix)),
    children: (parent) => inFound(Effect.succeed([]), (store) => store.children(parent)),
    log: (id, offset, limit) => inFound(unknown(id), (store) => store.log(id, offset, limit)),
    note: (id, note) => inFound(Effect.succeedNone, (store) => store.note(id, note)),
    annotate: (id, note, text) => inFound(Effect.void, (store) => store.annotate(id, note, text)),
    tree: (id) => inFound(unknown(id), (store) => store.tree(id)),
    tar: (id, write, latest) => inFound(unknown(id), (store) => store.tar(id, write, latest)),
    layer: (id, write, options) => inFound(unknown(id), (store) => store.layer(id, write, options)),
    reclaim: Effect.ignore(inFound(Effect.void, (store) => store.reclaim)),
    realise: (planned, realised) => Effect.flatMap(made, (store) => store.realise(planned, realised)),
    claim: (id) => Effect.flatMap(made, (store) => store.claim(id)),
    build: (info, fill) => Effect.flatMap(made, (store) => store.build(info, fill)),
    cache: (cache, owner) => Effect.flatMap(made, (store) => store.cache(cache, owner)),
    hold: (id) => inFound(Effect.succeed(false), (store) => store.hold(id)),
    using: uses.using,
    release: inFound(Effect.void, (store) => store.release),
    used: (id) => Effect.ignore(inFound(Effect.void, (store) => store.used(id))),
    inventory: {
      isThere: inFound(Effect.succeed(false), ({ inventory }) => inventory.isThere),
      results: inFound(Effect.succeed([]), ({ inventory }) => inventory.results),
      held: inFound(Effect.succeed(new Set<StepId>()), ({ inventory }) => inventory.held),
      footprint: (id) => inFound(Effect.succeed(NOTHING), ({ inventory }) => inventory.footprint(id)),
      remove: (ids, tell) =>
        inFound(
          Effect.forEach(ids, (id) => tell(id, "Absent"), { discard: true }),
          ({ inventory }) => inventory.remove(ids, tell)
        ),
      tidy: inFound(Effect.void, ({ inventory }) => inventory.tidy),
      forgetFiles: inFound(Effect.void, ({ inventory }) => inventory.forgetFiles),
      caches: inFound(Effect.succeed([]), ({ inventory }) => inventory.caches),
      cacheFootprint: (key) => inFound(Effect.succeed(NOTHING), ({ inventory }) => inventory.cacheFootprint(key)),
      removeCache: (key) => inFound(Effect.succeed(false), ({ inventory }) => inventory.removeCache(key)),
      blobs: inFound(Effect.succeed([]), ({ inventory }) => inventory.blobs),
      removeBlob: (digest) => inFound(Effect.succeed(false), ({ inventory }) => inventory.removeBlob(digest)),
      forgetImages: inFound(Effect.void, ({ inventory }) => inventory.forgetImages),
      check: (options, tell) =>
        inFound(Effect.succeed({ results: 0, caches: 0, compared: 0, recorded: 0 }), ({ inventory }) =>
          inventory.check(options, tell)
        ),
      removeLeftover: (path) => inFound(Effect.void, ({ inventory }) => inventory.removeLeftover(path)),
      // Nothing is full that is not there.
      free: inFound(Effect.succeed(Number.POSITIVE_INFINITY), ({ inventory }) => inventory.free)
    }
  }
}
