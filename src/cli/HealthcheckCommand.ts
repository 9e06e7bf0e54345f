/** `obuilder healthcheck`: tries the store, the sandbox and a small build, and says what is missing. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { sha256, stepId } from "../domain/Digest.ts"
import { root, type Spec } from "../domain/Spec.ts"
import type { BaseImages } from "../interpreters/BaseImages.ts"
import { type BuildError, Engine } from "../interpreters/Engine.ts"
import type { BuildEvent } from "../interpreters/Events.ts"
import { HashMemo } from "../interpreters/host/HashMemo.ts"
import * as SourceDirectory from "../interpreters/host/SourceDirectory.ts"
import { isLinux } from "../interpreters/host/System.ts"
import { observe } from "../interpreters/Observe.ts"
import { type CommandFailed, Sandbox } from "../interpreters/Sandbox.ts"
import { Store } from "../interpreters/Store.ts"
import * as Planner from "../plan/Planner.ts"
import type { Backends, Chosen } from "./Backend.ts"
import { type CliError, explain } from "./ErrorText.ts"
import type { Given } from "./Flag.ts"
import type { flags } from "./Flags.ts"
import { Host } from "./Host.ts"
import { isQuiet } from "./Logging.ts"
import { Output } from "./Output.ts"
import { forBuilding, withStore } from "./Services.ts"
import * as StaticProgram from "./StaticProgram.ts"
import { chosenStore } from "./StoreFlag.ts"
import { Unhealthy } from "./Unhealthy.ts"

type HealthcheckFlags = Given<typeof flags.healthcheck>

/** Anything that keeps a check from passing. */
interface Problem {
  readonly message: string
  readonly hint: Option.Option<string>
}

interface Check {
  readonly name: string
  readonly run: Effect.Effect<void, Problem>
}

export const healthcheck = (given: HealthcheckFlags): Effect.Effect<void, CliError, Host | Output | Backends> =>
  Effect.scoped(
    Effect.gen(function* () {
      const host = yield* Host
      const { stderr, stdout } = yield* Output
      const sink = isQuiet(given) ? stderr : stdout
      const chosen = yield* chosenStore(given.store)
      const program = StaticProgram.forArchitecture(host.architecture)
      if (Option.isNone(program)) {
        const message = `nothing is known to run on this processor (${host.architecture})`
        return yield* new Unhealthy({ message, hint: Option.some("Build a spec of your own to check this machine.") })
      }
      const directory = yield* host.temporary(PROGRAM, program.value)
      let failed = 0
      for (const { name, run } of checks(given, chosen, directory)) {
        const problem = yield* Effect.either(run)
        if (Either.isRight(problem)) yield* sink.write(`${name}: ok\n`)
        else {
          failed++
          const { hint, message } = problem.left
          const lines = [`${name}: ${message}`, ...Option.toArray(hint)]
          yield* sink.write(`${lines.join("\n  ")}\n`)
        }
      }
      if (failed > 0) {
        return yield* new Unhealthy({ message: "this machine cannot build", hint: Option.none() })
      }
      yield* sink.write(
        runsHere(chosen)
          ? "Healthcheck passed\n"
          : "The sandbox was not tried, which takes a base image for this system: build a spec of your own\n"
      )
    })
  )

const PROGRAM = "healthcheck"

/** A Docker engine runs programs for Linux wherever it is. */
const runsHere = ({ backend }: Chosen): boolean => isLinux() || !backend.takesDirectories

const checks = (given: HealthcheckFlags, chosen: Chosen, directory: string): ReadonlyArray<Check> => {
  const sandbox = chosen.backend.sandbox(given)
  const services = forBuilding(chosen, {
    sandbox: given,
    images: { sourceDirectory: directory, within: undefined, memo: new HashMemo() }
  })
  const built = Effect.flatMap(services, (context) => Effect.provide(smallBuild(directory), context))
  const store = { name: "store", run: withStore(chosen)(lookIntoStore) }
  // What is run is a program for Linux.
  if (!runsHere(chosen)) return [store]
  return [
    store,
    ...(chosen.backend.takesDirectories
      ? [{ name: "sandbox", run: Effect.scoped(Effect.provideServiceEffect(runAlone(directory), Sandbox, sandbox)) }]
      : []),
    { name: "build", run: Effect.scoped(built) }
  ]
}

const lookIntoStore: Effect.Effect<void, Problem, Store> = Effect.gen(function* () {
  const store = yield* Store
  yield* store.result(stepId(sha256("healthcheck")))
})

/** The program in a directory of its own. */
const runAlone = (directory: string): Effect.Effect<void, Problem, Sandbox> =>
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
      .pipe(Effect.catchTag("CommandFailed", (error) => Effect.fail(commandProblem(error))))
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

const smallBuild = (directory: string): Effect.Effect<void, Problem, Engine | BaseImages> =>
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
        onSuccess: () => Effect.fail(problem("a command that fails was taken for one that succeeds")),
        onFailure: (error) => (failedAsMeant(error) ? Effect.void : Effect.fail(explain(error)))
      })
    )
    yield* checkOutput(output)
  })

const failedAsMeant = (error: BuildError): boolean =>
  error._tag === "StepFailed" &&
  error.reason._tag === "CommandFailed" &&
  error.reason.outcome._tag === "Exit" &&
  error.reason.outcome.status === STATUS

const commandProblem = ({ outcome }: CommandFailed): Problem =>
  outcome._tag === "NotStarted"
    ? { message: outcome.reason, hint: outcome.hint }
    : problem(`a command that succeeds was taken for one that fails: ${outcome._tag}`)

const checkOutput = (output: ReadonlyArray<Uint8Array>): Effect.Effect<void, Problem> =>
  Buffer.concat(output).toString() === StaticProgram.OUTPUT
    ? Effect.void
    : Effect.fail(problem("the command's output did not arrive as it was written"))

const problem = (message: string): Problem => ({ message, hint: Option.none() })
