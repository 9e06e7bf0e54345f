/** What a local store holds, and how it goes. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fs from "node:fs"
import { basename, dirname } from "node:path"
import type { Digest, StepId } from "../../../domain/Digest.ts"
import * as Cooperate from "../../host/Cooperate.ts"
import { diskUsage } from "../../host/DiskUsage.ts"
import { namesAt } from "../../host/Names.ts"
import { treeDigest } from "../../host/TreeDigest.ts"
import type { Footprint, Inventory, Removal } from "../../Inventory.ts"
import type { StoreError } from "../../Store.ts"
import * as Caches from "./Caches.ts"
import * as Check from "./Check.ts"
import { Family } from "./Family.ts"
import * as Images from "./Images.ts"
import type { Parts } from "./Parts.ts"
import { ID, ownLayer } from "./Results.ts"

export interface Request extends Parts {
  /** Whether there is a store to look into; throws where there is something else. */
  readonly isOpen: () => boolean
  /** Gives paths of this process's own where nothing is yet. */
  readonly temporary: Effect.Effect<string, StoreError>
}

/**
 * How many go at a time: enough for what is done once a time, which is to list
 * all results, not to count; few enough for builds not to wait for long.
 */
const BATCH = 64
const DIGITS = 8
const PARTS = 32

export const make = (request: Request): Inventory => {
  const { failed, holds, isOpen, layout, results, temporary, trees } = request
  const family = new Family(results)

  const work = <A>(what: string, steps: () => Generator<Cooperate.Pause, A, void>) =>
    Cooperate.run(steps, (error) => failed(what, error))

  const attempt = <A>(what: string, body: () => A): Effect.Effect<A, StoreError> =>
    Effect.try({ try: body, catch: (error) => failed(what, error) })

  /** Runs `use` with a path for what is to go, which goes when that has ended, however it does. */
  const discarding = <A>(use: (rubbish: string) => Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> =>
    Effect.acquireUseRelease(
      Effect.tap(temporary, (rubbish) => attempt("write to", () => Fs.mkdirSync(rubbish, { mode: 0o700 }))),
      use,
      (rubbish) => trees.remove(rubbish)
    )

  function* taken(paths: ReadonlyArray<string>): Generator<Cooperate.Pause, Footprint> {
    let { shared, unique } = yield* diskUsage(paths, trees)
    for (const path of paths) {
      const more = trees.measure === undefined ? NOTHING : yield* trees.measure(path)
      unique += more.unique
      shared += more.shared
    }
    return { unique, shared }
  }

  const removeBatch = (batch: ReadonlyArray<StepId>, tell: Parameters<Inventory["remove"]>[1]) =>
    discarding((rubbish) =>
      Effect.flatMap(
        work("delete results in", () => holds.locked("exclusive", () => takeAway(batch, rubbish))),
        Effect.forEach(([id, removal]) => tell(id, removal), { discard: true })
      )
    )

  /** Of a result's own files. */
  const digestOf = (id: StepId): Effect.Effect<Digest, StoreError> => {
    const own = `${layout.root}/${ownLayer(id)}`
    return Effect.scoped(
      Effect.flatMap(trees.read?.([own], temporary) ?? Effect.succeed([own]), ([path = own]) =>
        work("read a result in", () => treeDigest(path))
      )
    )
  }

  /** For who has the store's lock alone. */
  const takeAway = (ids: ReadonlyArray<StepId>, rubbish: string): ReadonlyArray<readonly [StepId, Removal]> => {
    // In this order: whoever has let go of a parent before the look at what is held has put its child there already.
    const held = holds.all()
    family.look()
    return ids.map((id, index) => {
      if (!family.has(id)) return [id, "Absent"]
      if (held.has(id)) return [id, "InUse"]
      if (family.isParent(id)) return [id, "BuiltOn"]
      const [parent, lastUsed] = [results.parent(id), results.lastUsed(id)]
      // Numbered: what removes them goes by their names, and children have to be first there too.
      Fs.renameSync(layout.result(id), `${rubbish}/${String(index).padStart(DIGITS, "0")}-${id}`)
      family.remove(id)
      discardSquashed(id, rubbish)
      if (parent !== undefined) {
        // Whoever used a child used its parent.
        results.use(parent, lastUsed)
        if (!family.isParent(parent) && !held.has(parent)) discardSquashed(parent, rubbish)
      }
      return [id, "Removed"]
    })
  }

  const discardSquashed = (id: StepId, rubbish: string): void => {
    const path = layout.squash(id)
    if (Fs.existsSync(path)) Fs.renameSync(path, `${rubbish}/${id}-squashed`)
  }

  return {
    isThere: attempt("read", isOpen),
    results: work("read", function* () {
      return isOpen() ? yield* results.all() : []
    }),
    held: attempt("read", () => (isOpen() ? holds.all() : new Set<StepId>())),
    footprint: (id) =>
      work("measure a result in", function* () {
        if (!isOpen()) return NOTHING
        const known = results.size(id)
        if (known !== undefined) return known
        const footprint = yield* taken([layout.result(id), layout.squash(id)])
        // A layer stays what it is; what a tree shares changes with what others are made.
        if (trees.whole === undefined && footprint.shared === 0) results.keepSize(id, footprint)
        return footprint
      }),
    remove: (ids, tell) => {
      const size = Math.max(BATCH, Math.ceil(ids.length / PARTS))
      const starts = Array.from({ length: Math.ceil(ids.length / size) }, (_, index) => index * size)
      return Effect.forEach(starts, (start) => removeBatch(ids.slice(start, start + size), tell), { discard: true })
    },
    tidy: work("tidy up", function* () {
      if (!isOpen()) return
      yield* results.tidy()
      removeFiles(layout.hashes, ({ mtimeMs }) => Date.now() - mtimeMs > LONG_MS)
    }),
    forgetFiles: attempt("tidy up", () => {
      if (isOpen()) removeFiles(layout.hashes, () => true)
    }),
    caches: attempt("read", () => (isOpen() ? Caches.list(layout.caches) : [])),
    cacheFootprint: (key) =>
      work("measure a cache in", () => taken(Caches.isKey(key) ? [`${layout.caches}/${key}`] : [])),
    removeCache: (key) =>
      Effect.flatMap(
        attempt("read", () => isOpen() && Caches.isKey(key)),
        (known) =>
          known
            ? discarding((rubbish) => work("delete a cache in", () => Caches.remove(layout.caches, key, rubbish)))
            : Effect.succeed(false)
      ),
    blobs: attempt("read", () => (isOpen() ? Images.blobs(layout.images) : [])),
    removeBlob: (digest) => attempt("delete in", () => isOpen() && Images.removeBlob(layout.images, digest)),
    forgetImages: attempt("tidy up", () => {
      if (isOpen()) Images.forget(layout.images)
    }),
    check: ({ data, record }, { fault, measured }) =>
      Effect.gen(function* () {
        if (!(yield* attempt("read", isOpen))) return { results: 0, caches: 0, compared: 0, recorded: 0 }
        const ids = results.ids()
        const isThere = trees.look === undefined ? Check.isDirectory : yield* work("check", trees.look)
        let [compared, recorded] = [0, 0]
        for (const [index, id] of ids.entries()) {
          const problem = yield* attempt("check a result in", () => Check.faultOf(layout, results, id, isThere))
          if (problem !== undefined) yield* fault({ what: { _tag: "Result", id }, message: problem })
          else if (data || record) {
            const known = yield* attempt("check a result in", () => Check.recorded(layout, id))
            if (known === undefined ? record : data) {
              const digest = yield* Effect.either(digestOf(id))
              if (Either.isLeft(digest)) {
                // Somebody may have deleted it in the meantime.
                if (Fs.existsSync(layout.meta(id)))
                  yield* Effect.logWarning(`${id} is not compared: ${digest.left.message}`)
                continue
              }
              if (known === undefined) {
                yield* attempt("write to", () => Check.record(layout, id, digest.right))
                recorded++
              } else compared++
              if (known !== undefined && known !== digest.right) {
                yield* fault({ what: { _tag: "Result", id }, message: "its files are not what was recorded of them" })
              }
            }
          }
          yield* measured(index + 1, ids.length)
        }
        yield* Effect.forEach(yield* attempt("read", () => Check.others(layout)), fault, { discard: true })
        return { results: ids.length, caches: Caches.list(layout.caches).length, compared, recorded }
      }),
    removeLeftover: (path) =>
      discarding((rubbish) =>
        work("delete in", () =>
          holds.locked("exclusive", () => {
            const isOurs = dirname(path) === layout.squashed && ID.test(basename(path))
            if (isOurs && !Fs.existsSync(`${layout.results}/${basename(path)}`))
              Fs.renameSync(path, `${rubbish}/leftover`)
          })
        )
      ),
    free: attempt("look at the space of", () => {
      const { bavail, bsize } = Fs.statfsSync(existing(layout.root))
      return bavail * bsize
    })
  }
}

/** What was learnt of a source directory that nobody has built from for so long is not worth its space. */
const LONG_MS = 90 * 24 * 60 * 60 * 1000

const removeFiles = (directory: string, which: (stats: Fs.Stats) => boolean): void => {
  for (const name of namesAt(directory)) {
    const path = `${directory}/${name}`
    const stats = Fs.lstatSync(path, { throwIfNoEntry: false })
    if (stats !== undefined && which(stats)) Fs.rmSync(path, { force: true })
  }
}

const NOTHING: Footprint = { unique: 0, shared: 0 }

/** The nearest directory above a path that is there. */
const existing = (path: string): string => (path === "/" || Fs.existsSync(path) ? path : existing(dirname(path)))
