/** What the laws of `Store` are judged on, and how they use it. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { sha256, type StepId, stepId } from "../../src/domain/Digest.ts"
import { Store, type StoreError, type StoreService, type Workspace } from "../../src/interpreters/Store.ts"
import type { Entries, Files } from "./files.ts"

/** A store to be judged: empty at first, gone when the scope closes. */
export interface Subject {
  /** Each time it is built, another process opens the same store. */
  readonly layer: Layer.Layer<Store, StoreError>
  readonly files: Files
  /** Milliseconds that its times are exact to; 1, if it is left out. */
  readonly timeStep?: number
  /** How many results on one another are a long chain for it; 150, more than anything of the kernel's allows, if it is left out. */
  readonly chain?: number
  /** What temporary things the store has at the moment, in words. */
  readonly temporary: Effect.Effect<ReadonlyArray<string>>
}

export type MakeSubject = Effect.Effect<Subject, never, Scope.Scope>

/** Opens the store as one more process. */
export const open = (subject: Subject): Effect.Effect<StoreService, StoreError, Scope.Scope> =>
  Effect.map(Layer.build(Layer.fresh(subject.layer)), Context.get(Store))

export const id = (name: string): StepId => stepId(sha256(name))

/** Makes a result in one go. */
export const make = <E = never>(
  store: StoreService,
  name: string,
  parent: string | undefined,
  fill: (workspace: Workspace) => Effect.Effect<void, E>
): Effect.Effect<void, E | StoreError> =>
  Effect.scoped(
    store.build({ id: id(name), parent: Option.map(Option.fromNullable(parent), id), heading: `step ${name}` }, fill)
  )

/** A subject, opened once. */
export const opened = (makeSubject: MakeSubject) =>
  Effect.gen(function* () {
    const subject = yield* makeSubject
    const store = yield* open(subject)
    const put = (name: string, parent: string | undefined, entries: Entries): Effect.Effect<void, StoreError> =>
      make(store, name, parent, ({ rootfs }) => subject.files.put(rootfs, entries))
    return { ...subject, subject, store, put }
  })
