/**
 * Tries a store, a sandbox and a small build, with a program that needs no base
 * image: one for Linux, made of a few instructions.
 */
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import { sha256, stepId } from "../domain/Digest.ts"
import { root, type Spec } from "../domain/Spec.ts"
import type { PlanError } from "../plan/PlanError.ts"
import * as Planner from "../plan/Planner.ts"
import { type BaseImageError, BaseImages } from "./BaseImages.ts"
import type { BuildError } from "./Build.ts"
import { Engine } from "./Engine.ts"
import type { BuildEvent } from "./Events.ts"
import * as SourceDirectory from "./host/SourceDirectory.ts"
import * as StaticProgram from "./host/StaticProgram.ts"
import { observe } from "./Observe.ts"
import { type CommandFailed, Sandbox, type SandboxError } from "./Sandbox.ts"
import type { SourceError } from "./SourceTree.ts"
import { Store, type StoreError } from "./Store.ts"

/** Something works, and not as it should. */
export class Misbehaved extends Data.TaggedError("Misbehaved")<{
  readonly message: string
  readonly hint: Option.Option<string>
}> {}

/** This machine cannot build. */
export class Unhealthy extends Data.TaggedError("Unhealthy")<{
  /** What did not pass, and why. */
  readonly message: string
  readonly hint: Option.Option<string>
  readonly cause: unknown
}> {}

/** The name of the program in its directory. */
export const PROGRAM = "healthcheck"

/** The program, for a processor as Node names it; none where none is known that runs there. */
export const program = (architecture: string): Option.Option<Uint8Array> => StaticProgram.forArchitecture(architecture)

/** Whether the store can be looked into. */
export const store: Effect.Effect<void, StoreError, Store> = Effect.gen(function* () {
  const store = yield* Store
  yield* store.result(stepId(sha256("healthcheck")))
})

/** Runs the program in its directory, without a store; not for sandboxes that take no directories of the host. */
export const sandbox = (directory: string): Effect.Effect<void, Misbehaved | SandboxError, Sandbox> =>
  Effect.gen(function* () {
    const sandbox = yield* Sandbox
    const output: Array<Uint8Array> = []
    const command = {
      argv: [`/${PROGRAM}`],
      cwd: "/",
      environment: [],
      user: root,
      hostname: "builder",
      network: "none",
      caches: [],
      secrets: []
    } as const
    yield* sandbox
      .run(command, { _tag: "Directory", path: directory }, (chunk) => Effect.sync(() => output.push(chunk)))
      .pipe(Effect.catchTag("CommandFailed", (error) => commandProblem(error)))
    yield* checkOutput(output)
  })

/**
 * The result of a step that succeeds is kept, and the next check would not run
 * it. So the step fails on purpose, with a status that stands for nothing else.
 */
const STATUS = 3

const spec: Spec = {
  builds: [],
  from: "scratch",
  ops: [
    { _tag: "Copy", from: { _tag: "Context" }, src: [PROGRAM], dst: `/${PROGRAM}`, exclude: [] },
    { _tag: "Shell", args: [`/${PROGRAM}`, ...Array.from({ length: STATUS - 1 }, () => "-")] },
    { _tag: "Run", cache: [], network: [], secrets: [], shell: "-" }
  ]
}

/** Builds a spec that copies and runs the program, which is in this directory. */
export const build = (
  directory: string
): Effect.Effect<void, Misbehaved | BuildError | BaseImageError | SourceError | PlanError, Engine | BaseImages> =>
  Effect.gen(function* () {
    const engine = yield* Engine
    const context = yield* SourceDirectory.make({ path: directory })
    const inputs = yield* Effect.mapError(observe(spec, context), ({ cause }) => cause)
    const plan = yield* Planner.plan(spec, inputs)
    const output: Array<Uint8Array> = []
    const onEvent = (event: BuildEvent) =>
      Effect.sync(() => {
        if (event._tag === "Output") output.push(event.chunk)
      })
    yield* engine.build({ plan, inputs, context, secrets: new Map(), jobs: 1, onEvent }).pipe(
      Effect.matchEffect({
        onSuccess: () => misbehaved("a command that fails was taken for one that succeeds"),
        onFailure: (error) => (failedAsMeant(error) ? Effect.void : Effect.fail(error))
      })
    )
    yield* checkOutput(output)
  })

/**
 * Whether builds work here: the store is looked into, and a small build is made
 * which runs a program for Linux. It leaves two small results.
 */
export const healthcheck = (
  options: { readonly timeout?: Duration.DurationInput } = {}
): Effect.Effect<void, Unhealthy, Engine> =>
  Effect.gen(function* () {
    const { images, store: ofEngine } = yield* Engine
    yield* Effect.mapError(Effect.provideService(store, Store, ofEngine), unhealthy("store"))
    const bytes = yield* Effect.orElseFail(program(process.arch), () =>
      unhealthy("build")({
        message: `nothing is known to run on this processor (${process.arch})`,
        hint: Option.some("Build a spec of your own to check this machine.")
      })
    )
    const directory = yield* temporary(bytes)
    yield* build(directory).pipe(
      Effect.provideService(BaseImages, images),
      Effect.mapError((error) => unhealthy("build")(explained(error)))
    )
  }).pipe(
    Effect.scoped,
    options.timeout === undefined
      ? (check) => check
      : Effect.timeoutFail({
          duration: options.timeout,
          onTimeout: () => unhealthy("build")({ message: "it takes too long", hint: Option.none() })
        })
  )

const unhealthy =
  (check: string) =>
  (cause: { readonly message: string; readonly hint: Option.Option<string> }): Unhealthy =>
    new Unhealthy({ message: `${check}: ${cause.message}`, hint: cause.hint, cause })

/** A directory with the program, which goes with the scope. */
const temporary = (bytes: Uint8Array): Effect.Effect<string, Unhealthy, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => Fs.mkdtempSync(Path.join(tmpdir(), "obuilder-health-")),
      catch: (error) => cannotWrite(error)
    }),
    (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
  ).pipe(
    Effect.tap((path) =>
      Effect.try({
        try: () => Fs.writeFileSync(Path.join(path, PROGRAM), bytes, { mode: 0o755 }),
        catch: (error) => cannotWrite(error)
      })
    )
  )

const cannotWrite = (error: unknown): Unhealthy => {
  const reason = error instanceof Error ? error.message : String(error)
  return new Unhealthy({
    message: `cannot write a temporary directory: ${reason}`,
    hint: Option.none(),
    cause: error
  })
}

const explained = (
  error: Effect.Effect.Error<ReturnType<typeof build>>
): { readonly message: string; readonly hint: Option.Option<string> } => {
  switch (error._tag) {
    case "StepFailed":
      return error.reason._tag === "CommandFailed"
        ? explainedCommand(error.reason)
        : { message: error.reason.message, hint: Option.none() }
    case "MissingSecret":
    case "UnknownId":
      return { message: `it needs ${error.id}, which is not there`, hint: Option.none() }
    default:
      return error
  }
}

const failedAsMeant = (error: BuildError): boolean =>
  error._tag === "StepFailed" &&
  error.reason._tag === "CommandFailed" &&
  error.reason.outcome._tag === "Exit" &&
  error.reason.outcome.status === STATUS

const explainedCommand = ({ outcome }: CommandFailed) =>
  outcome._tag === "NotStarted"
    ? { message: outcome.reason, hint: outcome.hint }
    : {
        message: `a command that succeeds was taken for one that fails: ${outcome._tag}`,
        hint: Option.none<string>()
      }

const commandProblem = (error: CommandFailed): Effect.Effect<never, Misbehaved> =>
  Effect.fail(new Misbehaved(explainedCommand(error)))

const checkOutput = (output: ReadonlyArray<Uint8Array>): Effect.Effect<void, Misbehaved> =>
  Buffer.concat(output).toString() === StaticProgram.OUTPUT
    ? Effect.void
    : misbehaved("the command's output did not arrive as it was written")

const misbehaved = (message: string): Effect.Effect<never, Misbehaved> =>
  Effect.fail(new Misbehaved({ message, hint: Option.none() }))
