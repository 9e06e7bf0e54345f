/**
 * Results in directories below one directory of this machine. See
 * `local/Layout.ts` for what is where, and `local/Trees.ts` for what tells one
 * kind of such a store from another.
 *
 * Nothing is touched before the first use, and nothing is written before the
 * first step that has to be executed.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { resolve } from "node:path"
import type { StepId } from "../../domain/Digest.ts"
import type { User } from "../../domain/Spec.ts"
import * as Cooperate from "../host/Cooperate.ts"
import { storeError } from "../host/IoError.ts"
import { deadIn } from "../host/Owners.ts"
import type { Inventory } from "../Inventory.ts"
import * as Shared from "../Shared.ts"
import {
  type CacheCopy,
  type NoteName,
  type ResultInfo,
  Store,
  StoreError,
  type StoreService,
  UnknownId,
  type Workspace
} from "../Store.ts"
import * as Caches from "./local/Caches.ts"
import * as Children from "./local/Children.ts"
import { Claims } from "./local/Claims.ts"
import * as Uses from "../Uses.ts"
import * as AfterCrash from "./local/AfterCrash.ts"
import * as Ballast from "./local/Ballast.ts"
import * as CopyStep from "./local/CopyStep.ts"
import { Durability } from "./local/Durability.ts"
import * as Format from "./local/Format.ts"
import { Holds } from "./local/Holds.ts"
import { Layout } from "./local/Layout.ts"
import * as LocalInventory from "./local/LocalInventory.ts"
import * as Notes from "./local/Notes.ts"
import type { Parts } from "./local/Parts.ts"
import { Reading, READING } from "./local/Reading.ts"
import { type Meta, ownLayer, Results } from "./local/Results.ts"
import * as StepLog from "./local/StepLog.ts"
import * as TemporarySpace from "./local/TemporarySpace.ts"
import type { Trees } from "./local/Trees.ts"

export interface Options {
  /** Made when it is missing. Relative to the working directory, unless it is absolute. */
  readonly path: string
}

/** The stores of one kind. */
export const of = (trees: Trees) => {
  /** A store in a directory, for as long as the scope is open. */
  const make = (options: Options): Effect.Effect<StoreService, StoreError, Scope.Scope> => {
    const layout = new Layout(resolve(options.path))
    return inLayout(`${trees.kind}:${layout.root}`, layout, trees)
  }
  const layer = (options: Options): Layer.Layer<Store, StoreError> => Layer.scoped(Store, make(options))
  return { make, layer }
}

/** A store that users name like this. Of `uses` some may have begun already. */
export const inLayout = (
  name: string,
  layout: Layout,
  trees: Trees,
  uses: Uses.Uses = Uses.make()
): Effect.Effect<StoreService, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => new LocalStore(name, layout, trees, scope, uses))

/** The directory of a store that users name like this; none where there is no such store, or one that others could write to. */
export const rootOf = (kind: string, path: string): Option.Option<string> => {
  const layout = new Layout(resolve(path))
  try {
    return Format.check(layout, kind) ? Option.some(layout.root) : Option.none()
  } catch {
    return Option.none()
  }
}

/** This kind of store cannot be there. */
export const unsuitable = (message: string, hint: string, cause?: unknown): StoreError =>
  new StoreError({ message, hint: Option.some(hint), cause })

/** A result that is being made. */
interface Making {
  /** Of the finished result, topmost first, as `Meta.layers`. */
  readonly layers: ReadonlyArray<string>
  readonly workspace: Workspace
  readonly log: StepLog.StepLog
}

class LocalStore implements StoreService {
  readonly name: string
  readonly inventory: Inventory
  private readonly layout: Layout
  private readonly trees: Trees
  private readonly scope: Scope.Scope
  private readonly results: Results
  private readonly durability: Durability
  private readonly claims: Claims
  private readonly uses: Uses.Uses
  private readonly holds: Holds
  private readonly parts: Parts
  private readonly reading: Reading
  private readonly space: Effect.Effect<string, StoreError>
  private opened = false
  private count = 0

  constructor(name: string, layout: Layout, trees: Trees, scope: Scope.Scope, uses: Uses.Uses) {
    this.uses = uses
    this.name = name
    this.layout = layout
    this.trees = trees
    this.scope = scope
    this.space = Shared.make(
      Effect.suspend(() => this.acquireSpace()),
      scope
    )
    this.durability = new Durability(layout)
    this.results = new Results(layout, this.durability)
    this.claims = new Claims(layout, (work) => this.attempt("make a result in", work))
    this.holds = new Holds(layout, uses)
    this.parts = {
      layout,
      trees,
      results: this.results,
      holds: this.holds,
      durability: this.durability,
      failed: (what, error) => this.failed(what, error)
    }
    this.foresee =
      trees.foresee === undefined
        ? undefined
        : (ids) =>
            Effect.flatMap(
              this.attempt("read", () => ids.filter((id) => Option.isSome(this.meta(id)))),
              (known) => trees.foresee?.(known.map((id) => `${layout.root}/${ownLayer(id)}`)) ?? Effect.void
            )
    this.reading = new Reading({
      ...this.parts,
      present: (id) => this.known(READING, () => this.present(id)),
      keep: (id) => this.keep(id),
      temporary: this.temporary()
    })
    this.inventory = LocalInventory.make({
      ...this.parts,
      isOpen: () => this.open(),
      temporary: this.temporary()
    })
  }

  readonly result = (id: StepId): Effect.Effect<Option.Option<ResultInfo>, StoreError> => {
    const found = this.attempt("read", () => Option.map(this.meta(id), (meta) => info(id, meta)))
    return this.trees.present === undefined
      ? found
      : Effect.flatMap(found, (known) =>
          Option.isNone(known)
            ? Effect.succeed(known)
            : Effect.map(this.isThere(id), (isThere) => (isThere ? known : Option.none()))
        )
  }

  readonly foresee: StoreService["foresee"]

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

  readonly hold = (id: StepId): Effect.Effect<boolean, StoreError> => {
    const held = Effect.flatMap(Effect.all([this.space, this.uses.current]), ([space, use]) =>
      Cooperate.run(
        () => this.holds.hold(id, space, use, () => this.results.get(id) !== undefined),
        (error) => this.failed("hold a result in", error)
      )
    )
    // What is held is to be built on: it has to be there.
    return this.trees.present === undefined
      ? held
      : Effect.flatMap(this.result(id), (known) => (Option.isSome(known) ? held : Effect.succeed(false)))
  }

  readonly using: Effect.Effect<void, never, Scope.Scope> = Effect.suspend(() => this.uses.using)

  // Whoever holds nothing may have no space yet, and needs none.
  readonly release: Effect.Effect<void, StoreError> = Effect.suspend(() =>
    this.holds.holdsAny
      ? Effect.flatMap(this.space, (space) => this.attempt("let go of results in", () => this.holds.release(space)))
      : Effect.void
  )

  // It only tells what to keep longest: who may not write does without.
  readonly used = (id: StepId): Effect.Effect<void> =>
    Effect.ignore(this.attempt("write to", () => this.results.use(id, Date.now())))

  readonly children = (parent: Option.Option<StepId>): Effect.Effect<ReadonlyArray<StepId>, StoreError> =>
    this.attempt("read", () =>
      this.open() ? Children.newest(this.layout.children(Option.getOrUndefined(parent))) : []
    )

  readonly log = (id: StepId, offset: number, limit: number): Effect.Effect<Uint8Array, StoreError | UnknownId> =>
    this.known("read a log in", () => {
      const chunk = this.open() ? this.results.log(id, offset, limit) : undefined
      if (chunk === undefined) throw new UnknownId({ id, candidates: [] })
      return chunk
    })

  readonly note = (id: StepId, name: NoteName): Effect.Effect<Option.Option<string>, StoreError> =>
    this.attempt("read", () => (this.open() ? Option.fromNullable(Notes.read(this.layout, id, name)) : Option.none()))

  readonly annotate = (id: StepId, name: NoteName, text: string): Effect.Effect<void, StoreError> =>
    Effect.flatMap(this.temporary(), (path) =>
      this.attempt("write to", () => Notes.replace(this.layout, id, name, text, path))
    )

  readonly tree: StoreService["tree"] = (id) => this.reading.tree(id)
  readonly tar: StoreService["tar"] = (id, write, latest = Option.none()) => this.reading.tar(id, write, latest)
  readonly layer: StoreService["layer"] = (id, write, options) => this.reading.layer(id, write, options)

  readonly claim = (id: StepId): ReturnType<StoreService["claim"]> => Effect.zipRight(this.space, this.claims.take(id))

  readonly build = <E, R>(
    result: ResultInfo,
    fill: (workspace: Workspace) => Effect.Effect<void, E, R>
  ): Effect.Effect<void, E | StoreError, R | Scope.Scope> =>
    Effect.acquireUseRelease(
      this.temporary(),
      (directory) =>
        Effect.gen(this, function* () {
          const begun = Date.now()
          const parent = Option.getOrUndefined(result.parent)
          yield* this.forgetLost(result.id)
          const making = yield* this.begin(result.id, parent, directory)
          yield* fill(making.workspace)
          yield* this.commit(result, directory, making)
          yield* this.protect(Date.now() - begun)
        }),
      (directory) => this.trees.remove(directory)
    )

  readonly cache = (name: string, owner: User): Effect.Effect<CacheCopy, StoreError, Scope.Scope> => {
    const { remove, whole } = this.trees
    const cache = new Caches.Cache(this.layout.caches, name, whole, this.durability)
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

  /** Whether the files of a result are where its store has them. */
  private isThere(id: StepId): Effect.Effect<boolean, StoreError> {
    return this.trees.present?.(`${this.layout.root}/${ownLayer(id)}`) ?? Effect.succeed(true)
  }

  /** What is left of a result whose files somebody else has removed goes before it is made anew. */
  private forgetLost(id: StepId): Effect.Effect<void, StoreError> {
    if (this.trees.present === undefined || Option.isNone(this.meta(id))) return Effect.void
    const forget = Effect.flatMap(this.temporary(), (path) =>
      Effect.zipRight(
        Cooperate.run(
          () => this.holds.locked("exclusive", () => Fs.existsSync(this.layout.meta(id)) && this.takeAway(id, path)),
          (error) => this.failed("remove a result from", error)
        ),
        this.trees.remove(path)
      )
    )
    return Effect.flatMap(this.isThere(id), (isThere) => (isThere ? Effect.void : forget))
  }

  private takeAway(id: StepId, path: string): void {
    Fs.renameSync(this.layout.result(id), path)
  }

  /** Whether there is a store; throws where there is something else. */
  private open(): boolean {
    this.opened ||= Format.check(this.layout, this.trees.kind)
    return this.opened
  }

  private meta(id: StepId): Option.Option<Meta> {
    return this.open() ? Option.fromNullable(this.results.get(id)) : Option.none()
  }

  private present(id: StepId): Meta {
    return Option.getOrThrowWith(this.meta(id), () => new UnknownId({ id, candidates: [] }))
  }

  /** Holds a result to read, as far as one can: in a store that cannot be written to nobody deletes. */
  private keep(id: StepId): Effect.Effect<void, UnknownId, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => this.holds.read(id)),
      (end) => Effect.sync(end)
    ).pipe(
      Effect.zipRight(Effect.orElseSucceed(this.hold(id), () => true)),
      Effect.flatMap((isThere) => (isThere ? Effect.void : Effect.fail(new UnknownId({ id, candidates: [] }))))
    )
  }

  /** A path of this process's own, where nothing is yet. */
  private temporary(): Effect.Effect<string, StoreError> {
    return Effect.map(this.space, (space) => `${space}/${++this.count}`)
  }

  private acquireSpace(): Effect.Effect<string, StoreError, Scope.Scope> {
    const space = TemporarySpace.acquire(this.layout.temporary, this.trees)
    let made: ReadonlyArray<string> = []
    let isUnsuitable = false
    return this.attempt("open", () => {
      this.open()
      if (process.geteuid?.() !== 0) {
        throw unsuitable(
          `only root can write to the store ${this.layout.root}: results hold files of many owners`,
          "run it as root, e.g. with sudo"
        )
      }
      // Of a store that is there too: its empty directories may have been cleaned away.
      made = Format.makeDirectories(this.layout)
    }).pipe(
      // Last of all, when what was made here is gone.
      Effect.zipRight(
        Effect.addFinalizer(() =>
          Effect.sync(() => {
            if (isUnsuitable) Format.removeDirectories(made)
            else Ballast.restore(this.layout)
          })
        )
      ),
      Effect.zipRight(
        Effect.catchIf(
          space,
          (error) => Ballast.isFull(error) && Ballast.drop(this.layout),
          () => space
        )
      ),
      Effect.zipLeft(this.attempt("open", () => this.claims.sweep())),
      Effect.tap((space) =>
        Cooperate.run(
          () => this.establish(space),
          (error) => this.failed("open", error)
        ).pipe(Effect.tapError(() => Effect.sync(() => (isUnsuitable = true))))
      ),
      Effect.tap((space) => AfterCrash.beginRun(this.parts, space)),
      Effect.tap(() =>
        Cooperate.run(
          () => Cooperate.toTheEnd(this.trees.sweep?.()),
          (error) => this.failed("clear up", error)
        ).pipe(Effect.catchAll(({ message }) => Effect.logDebug(message)))
      ),
      Effect.tap((space) =>
        Effect.addFinalizer((exit) =>
          Effect.when(
            this.durability.sync(`${space}/synced`),
            () => this.durability.isWorthIt() && !Exit.isInterrupted(exit)
          )
        )
      )
    )
  }

  private *establish(space: string): Cooperate.Work {
    if (this.open()) return
    this.trees.check(this.layout)
    yield* Cooperate.toTheEnd(this.trees.prepare?.())
    Format.write(this.layout, this.trees.kind, `${space}/format`)
  }

  private begin(
    id: StepId,
    parent: StepId | undefined,
    directory: string
  ): Effect.Effect<Making, StoreError, Scope.Scope> {
    return Effect.gen(this, function* () {
      yield* this.attempt("make a result in", () => {
        Fs.mkdirSync(directory, { mode: 0o700 })
        this.claims.note(id, directory)
      })
      const above = yield* this.attempt("build on a result in", () =>
        parent === undefined ? undefined : { id: parent, meta: this.present(parent) }
      )
      const { layout } = this
      const begun = yield* this.trees.begin({ layout, directory, parent: above, temporary: this.temporary() })
      const { below, rootfs, upper } = begun
      const log = yield* StepLog.make(`${directory}/log`)
      const layers = [upper, ...below.map((one) => `${layout.root}/${one}`)]
      return {
        log,
        layers: [ownLayer(id), ...below],
        workspace: {
          rootfs,
          log: log.append,
          readLog: log.read,
          copy:
            begun.copy ??
            ((request) =>
              CopyStep.copy(request, { layers, upper, failed: (error) => this.failed("copy into", error) })),
          note: (name, text) => this.attempt("make a result in", () => Notes.put(directory, name, text))
        }
      }
    })
  }

  private commit(result: ResultInfo, directory: string, { layers, log }: Making): Effect.Effect<void, StoreError> {
    const { parent } = result
    const above = Option.isSome(parent) ? `${this.layout.root}/${ownLayer(parent.value)}` : undefined
    const what = "keep a result in"
    return Cooperate.run(
      () => Cooperate.toTheEnd(this.trees.finish(directory, above)),
      (error) => this.failed(what, error)
    ).pipe(
      Effect.zipRight(
        Effect.flatMap(Effect.all([this.space, this.uses.current]), ([space, use]) =>
          this.attempt(what, () => this.holds.mark(result.id, space, use))
        )
      ),
      Effect.zipRight(
        this.attempt(what, () => {
          // Where another process was faster, its result stays and this one is dropped.
          this.results.commit(result.id, directory, {
            version: 2,
            parent: Option.getOrNull(parent),
            heading: result.heading,
            created: Date.now(),
            ...this.durability.stamp(),
            layers,
            logSize: log.size()
          })
          Children.add(this.layout.children(Option.getOrUndefined(parent)), result.id, `${directory}-children`)
        })
      )
    )
  }

  /** Has results written to the disk now and then, beside all other work. */
  private protect(work: number): Effect.Effect<void, StoreError> {
    if (!this.durability.count(work)) return Effect.void
    return Effect.flatMap(this.space, (space) =>
      Effect.asVoid(Effect.forkIn(this.durability.sync(`${space}/synced`), this.scope))
    )
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
