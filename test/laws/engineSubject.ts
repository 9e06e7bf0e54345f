/** What the laws of `Engine` are judged on, and how they use it. */
import { expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { StepId } from "../../src/domain/Digest.ts"
import type { Variable } from "../../src/domain/Inputs.ts"
import type { Op, Spec } from "../../src/domain/Spec.ts"
import { BaseImages } from "../../src/interpreters/BaseImages.ts"
import { Engine } from "../../src/interpreters/Engine.ts"
import type { StoredResult } from "../../src/interpreters/Inventory.ts"
import { type Command, Sandbox, type SandboxError, type SandboxService } from "../../src/interpreters/Sandbox.ts"
import { Store, type StoreError } from "../../src/interpreters/Store.ts"
import { build, LogView, type Request, spec } from "../interpreters/builds.ts"
import type { Gate } from "./gate.ts"
import { type Contents, contents } from "./tar.ts"

/** Where a secret is: what the spec says, and the word by which the command finds it. */
export interface SecretPlace {
  readonly target: string
  readonly word: string
}

/** A store that is empty at first, a sandbox, and images; all gone when the scope closes. */
export interface EngineSubject {
  /** Each time it is built, another process has the same store. */
  readonly layer: Layer.Layer<Store | Sandbox | BaseImages, StoreError | SandboxError>
  /** A base with busybox's `/bin/sh`, and in {@link home} a file `base-id` of `base-distro` and a line end. */
  readonly base: string
  /** Where steps can make files: `/`, or a directory. */
  readonly home: string
  /** Where that is in a result, if it is elsewhere. */
  readonly kept?: string
  /** One that commands can be run as; 1000:1000, if it is left out. */
  readonly user?: { readonly uid: number; readonly gid: number }
  /** Whether commands can run at the same time. They can, if it is left out. */
  readonly isParallel?: boolean
  readonly secrets?: readonly [SecretPlace, SecretPlace]
  /** What there is besides results and what processes keep: nothing, after each build. */
  readonly left: Effect.Effect<ReadonlyArray<string>>
}

export type MakeEngineSubject = Effect.Effect<EngineSubject, never, Scope.Scope>

/** The services of one process. */
export type Process = Engine | Store | Sandbox | BaseImages

/** A build that is under way. */
export interface Client {
  readonly log: LogView
  readonly fiber: Fiber.RuntimeFiber<StepId, unknown>
}

const below = (directory: string, path: string): string => `${directory === "/" ? "" : directory}/${path}`

/** What a law has of its subject. */
export class Judged {
  readonly subject: EngineSubject
  /** Every command that was started, in order. */
  readonly commands: Array<Command> = []
  running = 0
  mostAtOnce = 0
  unpacked = 0
  /** What the base has as its environment. */
  environment: ReadonlyArray<Variable> = []

  private readonly shared: Effect.Effect<Context.Context<Process>, StoreError | SandboxError>

  private constructor(subject: EngineSubject, scope: Scope.Scope) {
    this.subject = subject
    const opened = Effect.suspend(() => Scope.extend(Layer.build(this.process), scope))
    this.shared = Effect.runSync(Effect.cached(opened))
  }

  static readonly make = (subject: EngineSubject): Effect.Effect<Judged, never, Scope.Scope> =>
    Effect.map(Effect.scope, (scope) => new Judged(subject, scope))

  get isParallel(): boolean {
    return this.subject.isParallel !== false
  }

  /** What was run, as the spec has it. */
  get scripts(): ReadonlyArray<string> {
    return this.commands.map(({ argv }) => argv.at(-1) ?? "")
  }

  /** A path in the home, as specs and commands have it. */
  at(path: string): string {
    return below(this.subject.home, path)
  }

  /** A path in the home, as a result's tar has it. */
  kept(path: string): string {
    return below(this.subject.kept ?? this.subject.home, path)
  }

  /** A spec whose commands are run in the home. */
  spec(ops: ReadonlyArray<Op>, builds: Readonly<Record<string, Spec>> = {}): Spec {
    const start: ReadonlyArray<Op> = [
      { _tag: "Shell", args: ["/bin/sh", "-c"] },
      { _tag: "Workdir", path: this.subject.home }
    ]
    return spec(this.subject.base, [...start, ...ops], builds)
  }

  /** The log of {@link spec}'s beginning. */
  beginning(became: "saved" | "using from cache"): string {
    return `(from ${this.subject.base})\n---> ${became}\n/: (shell /bin/sh -c)\n/: (workdir ${this.subject.home})\n`
  }

  /** The services of one more process. */
  get process(): Layer.Layer<Process, StoreError | SandboxError> {
    const watched = Layer.map(this.subject.layer, (services) => {
      const images = Context.get(services, BaseImages)
      return services.pipe(
        Context.add(Sandbox, this.watched(Context.get(services, Sandbox))),
        Context.add(BaseImages, {
          ...images,
          resolve: (reference) =>
            Effect.map(images.resolve(reference), (base) => ({
              ...base,
              environment: [...base.environment, ...this.environment]
            })),
          unpack: (...request) =>
            Effect.suspend(() => {
              this.unpacked++
              return images.unpack(...request)
            })
        })
      )
    })
    return Layer.fresh(Layer.provideMerge(Engine.layer, watched))
  }

  /** A build in a process that ends with it. */
  apart(request: Request) {
    return Effect.provide(build(request), this.process)
  }

  /** A build in the process that all have that are not {@link apart}. */
  once(request: Request) {
    return this.here(build(request))
  }

  /** The same, under way. */
  start(one: Spec): Effect.Effect<Client, never, Scope.Scope> {
    const log = new LogView({ headings: false })
    return Effect.map(Effect.forkScoped(this.once({ spec: one, onEvent: log.onEvent })), (fiber) => ({ log, fiber }))
  }

  /** What a build that is to succeed shows without its headings. */
  shown(request: Request) {
    const log = new LogView({ headings: false })
    return Effect.map(this.once({ ...request, onEvent: log.onEvent }), () => log.text)
  }

  get results() {
    return this.here(Effect.flatMap(Store, (store) => store.inventory.results))
  }

  contents(id: StepId) {
    return this.here(Effect.flatMap(Store, (store) => contents(store, id)))
  }

  /** The text of a file in a result's home. */
  text(id: StepId, path: string) {
    return Effect.map(this.contents(id), (all) => textIn(all, this.kept(path)))
  }

  /** The paths that a result has and its base has not. */
  added(id: StepId) {
    return Effect.gen(this, function* () {
      const base = (yield* this.results).find(({ parent }) => Option.isNone(parent))
      if (base === undefined) throw new Error("there is no base")
      const before = yield* this.contents(base.id)
      return Object.keys(yield* this.contents(id)).filter((path) => !(path in before))
    })
  }

  /** Removes results, those last that others are built on. */
  remove(isToGo: (result: StoredResult) => boolean) {
    return this.here(
      Effect.flatMap(Store, ({ inventory }) =>
        Effect.gen(function* () {
          const ids = childrenFirst(yield* inventory.results)
            .filter(isToGo)
            .map(({ id }) => id)
          yield* inventory.remove(ids, (_, removal) => Effect.sync(() => expect(removal).toBe("Removed")))
          yield* inventory.tidy
        })
      )
    )
  }

  /** Lets steps go on that come to these gates: at the same time where they can, or else one by one. */
  pass(gates: ReadonlyArray<Gate>): Effect.Effect<void> {
    const waiting = (): number => gates.reduce((sum, gate) => sum + gate.waiting(), 0)
    return this.isParallel
      ? Effect.gen(function* () {
          for (const gate of gates) yield* gate.arrival
          expect(waiting()).toBe(gates.length)
          for (const gate of gates.toReversed()) yield* gate.proceed
        })
      : oneByOne(gates)
  }

  private here<A, E, R>(effect: Effect.Effect<A, E, R>) {
    return Effect.flatMap(this.shared, (services) => Effect.provide(effect, services))
  }

  private watched(sandbox: SandboxService): SandboxService {
    return {
      ...sandbox,
      run: (command, rootfs, output) =>
        Effect.acquireUseRelease(
          Effect.sync(() => {
            this.commands.push(command)
            this.mostAtOnce = Math.max(this.mostAtOnce, ++this.running)
          }),
          () => sandbox.run(command, rootfs, output),
          () => Effect.sync(() => void this.running--)
        )
    }
  }
}

/** Lets steps go on that come to these gates, of which never two are to wait. */
export const oneByOne = (gates: ReadonlyArray<Gate>): Effect.Effect<void> =>
  Effect.forEach(
    gates,
    (gate) =>
      Effect.gen(function* () {
        yield* gate.arrival
        expect(gates.reduce((sum, { waiting }) => sum + waiting(), 0)).toBe(1)
        yield* gate.proceed
      }),
    { concurrency: "unbounded", discard: true }
  )

const childrenFirst = (results: ReadonlyArray<StoredResult>): ReadonlyArray<StoredResult> => {
  const sorted: Array<StoredResult> = []
  const visit = (result: StoredResult): void => {
    if (sorted.includes(result)) return
    results.filter(({ parent }) => Option.contains(parent, result.id)).forEach(visit)
    sorted.push(result)
  }
  results.forEach(visit)
  return sorted
}

const textIn = (all: Contents, path: string): string | undefined =>
  /^file \d+ \d+:\d+ ([^]*)$/.exec(all[path] ?? "")?.[1]

/** Registers a law. After it, nothing runs, and there is nothing but results. */
export const lawOf =
  (makeSubject: MakeEngineSubject) =>
  <E>(name: string, judge: (judged: Judged) => Effect.Effect<void, E, Scope.Scope>): void =>
    it.live(name, () =>
      Effect.scoped(
        Effect.gen(function* () {
          const subject = yield* makeSubject
          const judged = yield* Effect.scoped(
            Effect.gen(function* () {
              const judged = yield* Judged.make(subject)
              yield* Effect.scoped(judge(judged))
              return judged
            })
          )
          expect(judged.running).toBe(0)
          expect(yield* subject.left).toEqual([])
        })
      )
    )

export type Law = ReturnType<typeof lawOf>
