/** `obuilder healthcheck`: tries the store, the sandbox and a small build, and says what is missing. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Healthcheck from "../interpreters/Healthcheck.ts"
import { HashMemo } from "../interpreters/host/HashMemo.ts"
import { isLinux } from "../interpreters/host/System.ts"
import { Sandbox } from "../interpreters/Sandbox.ts"
import type { Backends, Chosen } from "./Backend.ts"
import { type CliError, explain } from "./ErrorText.ts"
import type { Given } from "./Flag.ts"
import type { flags } from "./Flags.ts"
import { Host } from "./Host.ts"
import { isQuiet } from "./Logging.ts"
import { Output } from "./Output.ts"
import { forBuilding, withStore } from "./Services.ts"
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
      const program = Healthcheck.program(host.architecture)
      if (Option.isNone(program)) {
        const message = `nothing is known to run on this processor (${host.architecture})`
        return yield* new Unhealthy({ message, hint: Option.some("Build a spec of your own to check this machine.") })
      }
      const directory = yield* host.temporary(Healthcheck.PROGRAM, program.value)
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

/** A Docker engine runs programs for Linux wherever it is. */
const runsHere = ({ backend }: Chosen): boolean => isLinux() || !backend.takesDirectories

const checks = (given: HealthcheckFlags, chosen: Chosen, directory: string): ReadonlyArray<Check> => {
  const sandbox = chosen.backend.sandbox(given)
  const services = forBuilding(chosen, {
    sandbox: given,
    images: { sourceDirectory: directory, within: undefined, memo: new HashMemo() }
  })
  const build = Effect.mapError(Healthcheck.build(directory), problem)
  const built = Effect.flatMap(services, (context) => Effect.provide(build, context))
  const store = { name: "store", run: withStore(chosen)(Healthcheck.store) }
  // What is run is a program for Linux.
  if (!runsHere(chosen)) return [store]
  const alone = Effect.provideServiceEffect(Healthcheck.sandbox(directory), Sandbox, sandbox)
  return [
    store,
    ...(chosen.backend.takesDirectories ? [{ name: "sandbox", run: Effect.scoped(alone) }] : []),
    { name: "build", run: Effect.scoped(built) }
  ]
}

/** Those errors that have no words of their own get those that a build would show. */
const problem = (error: Effect.Effect.Error<ReturnType<typeof Healthcheck.build>>): Problem =>
  error._tag === "StepFailed" || error._tag === "MissingSecret" || error._tag === "UnknownId" ? explain(error) : error
