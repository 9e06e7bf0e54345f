/**
 * Results as overlayfs layers below one directory. See `overlayfs/Layout.ts`
 * for what is where.
 *
 * The store itself mounts nothing: it hands the sandbox a list of layers, writes
 * what it copies straight into the topmost one, and reads results through
 * `LayeredTree`. Nothing is touched before the first use, and nothing is
 * written before the first step that has to be executed.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { dirname } from "node:path"
import { resolve } from "node:path"
import type { StepId } from "../../domain/Digest.ts"
import type { User } from "../../domain/Spec.ts"
import * as Cooperate from "../host/Cooperate.ts"
import { filesOf } from "../../domain/Manifest.ts"
import { copyInto, CopyRefused } from "../host/CopyInto.ts"
import { idsOf, NoSuchUser } from "../host/ImageUser.ts"
import { storeError } from "../host/IoError.ts"
import { LayeredTree } from "../host/LayeredTree.ts"
import { copyAttributes } from "../host/Metadata.ts"
import { deadIn } from "../host/Owners.ts"
import { remove } from "../host/RemoveTree.ts"
import * as ResultTree from "../host/ResultTree.ts"
import { writeTar } from "../host/TreeTar.ts"
import type { SourceError } from "../SourceTree.ts"
import {
  type CacheCopy,
  CopyError,
  type CopyRequest,
  type ResultInfo,
  Store,
  type StoreError,
  type StoreService,
  UnknownId,
  type Workspace
} from "../Store.ts"
import { Cache } from "./overlayfs/Caches.ts"
import * as Format from "./overlayfs/Format.ts"
import { LAYER, Layout } from "./overlayfs/Layout.ts"
import { type Meta, ownLayer, Results } from "./overlayfs/Results.ts"
import { shorten } from "./overlayfs/Squash.ts"
import * as StepLog from "./overlayfs/StepLog.ts"
import * as TemporarySpace from "./overlayfs/TemporarySpace.ts"

export interface Options {
  /** Made when it is missing. Relative to the working directory, unless it is absolute. */
  readonly path: string
}

/** A store in a directory, for as long as the scope is open. */
export const make = (options: Options): Effect.Effect<StoreService, StoreError, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => new OverlayfsStore(new Layout(resolve(options.path)), scope))

export const layer = (options: Options): Layer.Layer<Store, StoreError> => Layer.scoped(Store, make(options))

/** A result that is being made. */
interface Making {
  /** `fs`, `work` and the log are in it; it becomes the result's directory. */
  readonly directory: string
  /** Of the finished result, topmost first, as `Meta.layers`. */
  readonly layers: ReadonlyArray<string>
  readonly workspace: Workspace
  readonly log: StepLog.StepLog
}

class OverlayfsStore implements StoreService {
  readonly name: string
  private readonly layout: Layout
  private readonly results: Results
  private readonly scope: Scope.Scope
  private space: Effect.Effect<string, StoreError> | undefined
  private opened = false
  private count = 0

  constructor(layout: Layout, scope: Scope.Scope) {
    this.layout = layout
    this.scope = scope
    this.name = `overlayfs:${layout.root}`
    this.results = new Results(layout)
  }

  readonly result = (id: StepId): Effect.Effect<Option.Option<ResultInfo>, StoreError> =>
    this.attempt("read", () => Option.map(this.meta(id), (meta) => info(id, meta)))

  readonly realised = (planned: StepId): Effect.Effect<Option.Option<StepId>, StoreError> =>
    this.attempt("read", () => (this.open() ? Option.fromNullable(this.results.realised(planned)) : Option.none()))

  readonly realise = (planned: StepId, realised: StepId): Effect.Effect<void, StoreError> =>
    this.attempt("read", () => this.results.realised(planned) === realised).pipe(
      Effect.flatMap((known) =>
        known
          ? Effect.void
          : Effect.flatMap(this.temporary(), (path) =>
              this.attempt("write to", () => this.results.realise(planned, realised, path))
            )
      )
    )

  readonly find = (prefix: string): Effect.Effect<ResultInfo, StoreError | UnknownId> =>
    this.known("read", () => {
      if (!this.open()) throw new UnknownId({ id: prefix, candidates: [] })
      const id = this.results.find(prefix)
      return info(id, this.present(id))
    })

  readonly log = (id: StepId, offset: number, limit: number): Effect.Effect<Uint8Array, StoreError | UnknownId> =>
    this.known("read a log in", () => {
      const chunk = this.open() ? this.results.log(id, offset, limit) : undefined
      if (chunk === undefined) throw new UnknownId({ id, candidates: [] })
      return chunk
    })

  readonly tree = (id: StepId): ReturnType<StoreService["tree"]> =>
    this.known("read a result in", () => ResultTree.make(this.layered(id)))

  readonly tar = (
    id: StepId,
    write: (chunk: Uint8Array) => Effect.Effect<void>
  ): Effect.Effect<void, StoreError | UnknownId> =>
    this.known("read a result in", () => this.layered(id)).pipe(
      Effect.flatMap((tree) => writeTar(tree, write, (error) => this.failed("read a result in", error)))
    )

  readonly build = <E, R>(
    result: ResultInfo,
    fill: (workspace: Workspace) => Effect.Effect<void, E, R>
  ): Effect.Effect<void, E | StoreError, R | Scope.Scope> =>
    Effect.acquireUseRelease(
      this.begin(result),
      (making) =>
        Effect.zipRight(
          fill(making.workspace),
          this.attempt("keep a result in", () => this.commit(result, making))
        ),
      ({ directory }) => remove(directory)
    )

  readonly cache = (name: string, owner: User): Effect.Effect<CacheCopy, StoreError, Scope.Scope> => {
    const cache = new Cache(this.layout.caches, name)
    return Effect.map(
      Effect.acquireRelease(
        Effect.flatMap(this.temporary(), (space) =>
          Cooperate.run(
            function* () {
              const rubbish = `${space}/rubbish`
              Fs.mkdirSync(rubbish, { recursive: true, mode: 0o700 })
              return { space, rubbish, copy: yield* cache.copy(space, owner) }
            },
            (error) => this.failed(`use the cache "${name}" of`, error)
          ).pipe(Effect.tapError(() => remove(space)))
        ),
        ({ space, rubbish, copy }) =>
          // A cache that cannot be kept only makes the next time slower.
          Cooperate.run(
            () => cache.release(copy, rubbish),
            (error) => this.failed(`keep the cache "${name}" of`, error)
          ).pipe(
            Effect.catchAll(({ message }) => Effect.logWarning(message)),
            Effect.zipRight(remove(space))
          )
      ),
      ({ copy }) => ({ rootfs: copy.rootfs })
    )
  }

  readonly reclaim = Effect.suspend(() =>
    deadIn(this.layout.temporary).length === 0 ? Effect.void : Effect.ignore(this.temporary())
  )

  /** Whether there is a store; throws where there is something else. */
  private open(): boolean {
    this.opened ||= Format.check(this.layout)
    return this.opened
  }

  private meta(id: StepId): Option.Option<Meta> {
    return this.open() ? Option.fromNullable(this.results.get(id)) : Option.none()
  }

  private present(id: StepId): Meta {
    return Option.getOrThrowWith(this.meta(id), () => new UnknownId({ id, candidates: [] }))
  }

  private layered(id: StepId): LayeredTree {
    return new LayeredTree(this.results.directories(this.present(id)))
  }

  /** A path of this process's own, where nothing is yet. */
  private temporary(): Effect.Effect<string, StoreError> {
    return Effect.suspend(() => {
      this.space ??= Effect.runSync(
        Effect.cached(
          this.attempt("open", () => {
            this.open()
            // Of a store that is there too: its empty directories may have been cleaned away.
            Format.makeDirectories(this.layout)
          }).pipe(
            Effect.zipRight(TemporarySpace.acquire(this.layout.temporary)),
            Effect.tap((space) =>
              this.attempt("open", () => {
                if (!this.open()) Format.write(this.layout, `${space}/format`)
              })
            ),
            Scope.extend(this.scope),
            // Whoever comes first may be interrupted; the space is everybody's.
            Effect.uninterruptible
          )
        )
      )
      return Effect.map(this.space, (space) => `${space}/${++this.count}`)
    })
  }

  private begin(result: ResultInfo): Effect.Effect<Making, StoreError, Scope.Scope> {
    return Effect.gen(this, function* () {
      const directory = yield* this.temporary()
      const parent = Option.getOrUndefined(result.parent)
      const below = parent === undefined ? [] : yield* this.below(parent)
      const upper = `${directory}/${LAYER}`
      const rootfs = yield* this.attempt("make a result in", () => {
        Fs.mkdirSync(directory, { mode: 0o700 })
        Fs.mkdirSync(upper)
        Fs.chmodSync(upper, 0o755)
        const [top] = below
        if (top === undefined) return { _tag: "Directory", path: upper } as const
        const path = `${this.layout.root}/${top}`
        // The root directory's owner and mode are the topmost layer's.
        copyAttributes(path, upper, Fs.statSync(path))
        const work = `${directory}/work`
        Fs.mkdirSync(work, { mode: 0o700 })
        const lower = below.map((one) => `${this.layout.root}/${one}`)
        return { _tag: "Overlay", lower, upper, work, scratch: dirname(directory) } as const
      }).pipe(Effect.tapError(() => remove(directory)))
      const log = yield* StepLog.make(`${directory}/log`)
      const layers = [upper, ...below.map((one) => `${this.layout.root}/${one}`)]
      return {
        directory,
        log,
        layers: [ownLayer(result.id), ...below],
        workspace: {
          rootfs,
          log: log.append,
          readLog: log.read,
          copy: (request) => this.copy(request, layers, upper)
        }
      }
    })
  }

  private below(parent: StepId): Effect.Effect<ReadonlyArray<string>, StoreError> {
    return this.attempt("build on a result in", () => this.present(parent)).pipe(
      Effect.zip(this.temporary()),
      Effect.flatMap(([meta, scratch]) => shorten(this.layout, parent, meta, scratch))
    )
  }

  private copy(request: CopyRequest, layers: ReadonlyArray<string>, upper: string): ReturnType<Workspace["copy"]> {
    const work = (contents: ReadonlyMap<string, Uint8Array>) => {
      const tree = new LayeredTree(layers)
      return copyInto({ ...request, tree, upper, owner: idsOf(tree, request.owner), contents })
    }
    return Effect.flatMap(contentsOf(request), (contents) =>
      Cooperate.run(
        () => work(contents),
        (error) => refusal(error) ?? this.failed("copy into", error)
      )
    )
  }

  private commit(result: ResultInfo, making: Making): void {
    const { directory, layers, log } = making
    removeWork(`${directory}/work`)
    // Where another process was faster, its result stays and this one is dropped.
    this.results.commit(result.id, directory, {
      version: 1,
      parent: Option.getOrNull(result.parent),
      heading: result.heading,
      layers,
      logSize: log.size()
    })
  }

  /** `what` is what is being done with the store, which is named after it. */
  private attempt<A>(what: string, work: () => A): Effect.Effect<A, StoreError> {
    return Effect.try({ try: work, catch: (error) => this.failed(what, error) })
  }

  private known<A>(what: string, work: () => A): Effect.Effect<A, StoreError | UnknownId> {
    return Effect.try({
      try: work,
      catch: (error) => (error instanceof UnknownId ? error : this.failed(what, error))
    })
  }

  private failed(what: string, error: unknown): StoreError {
    return storeError(`cannot ${what} the store ${this.layout.root}`, error)
  }
}

const info = (id: StepId, meta: Meta): ResultInfo => ({
  id,
  parent: Option.fromNullable(meta.parent),
  heading: meta.heading
})

/** Contents of a source that is not on the host, read before anything is written. */
const contentsOf = ({ source, items }: CopyRequest): Effect.Effect<ReadonlyMap<string, Uint8Array>, SourceError> =>
  Option.isSome(source.locate)
    ? Effect.succeed(new Map())
    : Effect.map(
        Effect.forEach(items.flatMap(filesOf), (path) =>
          Effect.map(source.read(path), (content) => [path, content] as const)
        ),
        (contents) => new Map(contents)
      )

/** Overlayfs leaves an empty directory in it, and sometimes more. For that `rmSync` is made, and slow. */
const removeWork = (work: string): void => {
  try {
    Fs.rmdirSync(`${work}/work`)
    Fs.rmdirSync(work)
  } catch {
    Fs.rmSync(work, { recursive: true, force: true })
  }
}

/** What a copy was refused for is the step's fault; whatever else goes wrong with it is the store's. */
const refusal = (error: unknown): CopyError | undefined => {
  if (error instanceof CopyRefused) return new CopyError({ path: error.path, message: error.message })
  if (error instanceof NoSuchUser) return new CopyError({ path: "/etc/passwd", message: error.message })
  return undefined
}
