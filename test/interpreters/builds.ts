/** Specs in few words, and builds of them in memory. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import type { StepId } from "../../src/domain/Digest.ts"
import type { Inputs } from "../../src/domain/Inputs.ts"
import type { Preserve } from "../../src/domain/Preserve.ts"
import type { Cache, Copy, NestedBuild, Op, Run, Secret, Spec } from "../../src/domain/Spec.ts"
import { BaseImages } from "../../src/interpreters/BaseImages.ts"
import { type BuildError, Engine, StepFailed } from "../../src/interpreters/Engine.ts"
import type { BuildEvent } from "../../src/interpreters/Events.ts"
import * as FileTree from "../../src/interpreters/memory/FileTree.ts"
import * as Memory from "../../src/interpreters/memory/Memory.ts"
import * as MemoryBaseImages from "../../src/interpreters/memory/MemoryBaseImages.ts"
import type * as MemorySession from "../../src/interpreters/memory/MemorySession.ts"
import * as MemoryWorld from "../../src/interpreters/memory/MemoryWorld.ts"
import type { Scenario } from "../../src/interpreters/memory/Scenario.ts"
import * as TreeSource from "../../src/interpreters/memory/TreeSource.ts"
import { observe, type ObserveError } from "../../src/interpreters/Observe.ts"
import { CommandFailed } from "../../src/interpreters/Sandbox.ts"
import type { SourceTree } from "../../src/interpreters/SourceTree.ts"
import type { Plan } from "../../src/plan/Plan.ts"
import type { PlanError } from "../../src/plan/PlanError.ts"
import { plan } from "../../src/plan/Planner.ts"

export const spec = (from: string, ops: ReadonlyArray<Op>, builds: Readonly<Record<string, Spec>> = {}): Spec => ({
  builds: Object.entries(builds).map(([name, spec]): NestedBuild => ({ name, spec })),
  from,
  ops
})

export const run = (
  shell: string,
  options: {
    readonly caches?: Readonly<Record<string, string>>
    readonly secrets?: Readonly<Record<string, string>>
    readonly network?: ReadonlyArray<string>
  } = {}
): Run => ({
  _tag: "Run",
  shell,
  cache: mounts(options.caches),
  secrets: mounts(options.secrets),
  network: options.network ?? []
})

const mounts = (targets: Readonly<Record<string, string>> = {}): ReadonlyArray<Cache & Secret> =>
  Object.entries(targets).map(([id, target]) => ({ id, target, buildkitOptions: [] }))

export const copy = (
  src: ReadonlyArray<string>,
  dst: string,
  options: {
    readonly from?: string
    readonly exclude?: ReadonlyArray<string>
    readonly contents?: true
    readonly preserve?: Preserve
  } = {}
): Copy => ({
  _tag: "Copy",
  from: options.from === undefined ? { _tag: "Context" } : { _tag: "Build", name: options.from },
  src,
  dst,
  exclude: options.exclude ?? [],
  ...(options.contents === true ? { contents: true } : {}),
  ...(options.preserve === undefined ? {} : { preserve: options.preserve })
})

export interface Request {
  readonly spec: Spec
  readonly context?: SourceTree
  readonly secrets?: ReadonlyMap<string, Uint8Array>
  readonly jobs?: number
  readonly onEvent?: (event: BuildEvent) => Effect.Effect<void>
}

const nothing: SourceTree = TreeSource.fromTree(FileTree.empty)

export interface Planned {
  readonly inputs: Inputs
  readonly plan: Plan
}

/** Observes and plans. */
export const planOf = (request: Request): Effect.Effect<Planned, ObserveError | PlanError, BaseImages> =>
  Effect.gen(function* () {
    const inputs = yield* observe(request.spec, request.context ?? nothing)
    return { inputs, plan: yield* plan(request.spec, inputs) }
  })

/** Observes, plans and builds; gives the realised id of the result. */
export const build = (
  request: Request
): Effect.Effect<StepId, ObserveError | PlanError | BuildError, Engine | BaseImages> =>
  Effect.gen(function* () {
    const planned = yield* planOf(request)
    const engine = yield* Engine
    const result = yield* engine.build({
      ...planned,
      context: request.context ?? nothing,
      secrets: request.secrets ?? new Map(),
      jobs: request.jobs ?? 1,
      onEvent: request.onEvent ?? (() => Effect.void)
    })
    return result.id
  })

/** An engine on the services of a session. */
export const engine = (
  world: MemoryWorld.MemoryWorld,
  options?: MemorySession.Options
): Layer.Layer<Engine | Memory.Services> => Layer.provideMerge(Engine.layer, Memory.layer(world, options))

/** A build in a session of its own. */
export const buildOnce = (world: MemoryWorld.MemoryWorld, request: Request) =>
  Effect.provide(build(request), engine(world))

/** All that a plan is made from. */
export type Setup = Pick<Scenario, "bases" | "context" | "spec">

/** The facts that a plan is made from, at once, without the cost of a session. */
export const inputsNow = ({ bases, context, spec }: Setup): Inputs =>
  observe(spec, TreeSource.fromTree(FileTree.make(context))).pipe(
    Effect.provideService(BaseImages, {
      resolve: (reference) => {
        const base = bases[reference]
        return base === undefined
          ? Effect.dieMessage(`no base ${reference}`)
          : Effect.succeed({ ...base, format: "directory", digest: MemoryBaseImages.digest(base) })
      },
      unpack: () => Effect.dieMessage("only planned"),
      layers: () => Effect.dieMessage("only planned"),
      directory: "/"
    }),
    Effect.runSync
  )

/** The plan, at once; a reason why there is none is thrown. */
export const planNow = (setup: Setup): Plan =>
  Either.getOrThrowWith(plan(setup.spec, inputsNow(setup)), (error) => new Error(error.message))

/** A world with one base image. */
export const newWorld = () => MemoryWorld.make({ base: MemoryWorld.base({ "base-id": "base-distro\n" }) })

/** What the command of a failed step ended with; the error itself where it was no command's. */
export const failedWith = (error: unknown): unknown =>
  error instanceof StepFailed && error.reason instanceof CommandFailed ? error.reason.outcome : error

/** The log as OBuilder's own tests write it: ids left out. */
export class LogView {
  text = ""
  private readonly headings: boolean
  private changed: Array<() => void> = []
  private readonly decoder = new TextDecoder()

  /** Without headings, it is what commands wrote and what became of their steps. */
  constructor({ headings = true }: { readonly headings?: boolean } = {}) {
    this.headings = headings
  }

  readonly onEvent = (event: BuildEvent): Effect.Effect<void> =>
    Effect.sync(() => {
      if (event._tag === "Heading" && !this.headings) return
      this.text += event._tag === "Output" ? this.decoder.decode(event.chunk, { stream: true }) : line(event)
      const changed = this.changed
      this.changed = []
      for (const wake of changed) wake()
    })

  /** Waits until the log is this. */
  await(text: string): Effect.Effect<void> {
    return Effect.async((resume) => {
      const check = (): void => {
        if (this.text === text) resume(Effect.void)
        else this.changed.push(check)
      }
      check()
    })
  }
}

const line = (event: Exclude<BuildEvent, { readonly _tag: "Output" }>): string => {
  switch (event._tag) {
    case "Heading":
      return `${event.text}\n`
    case "Missed":
      return ""
    case "Cached":
      return "---> using from cache\n"
    case "Saved":
      return "---> saved\n"
    case "StageFinished":
      return event.name === null ? "" : `--> finished "${event.name}"\n`
    case "StageSkipped":
      return `--> skipped "${event.name}"\n`
  }
}
