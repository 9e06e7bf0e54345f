/** What `OciRuntimeSandbox.ts` loads at the first command: this machine's runtime, and running commands with it. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { constants } from "node:os"
import * as ChildProcess from "../host/ChildProcess.ts"
import * as Reaper from "../host/Reaper.ts"
import { CommandFailed, type Outcome, type SandboxError, type SandboxService } from "../Sandbox.ts"
import * as Bundle from "./Bundle.ts"
import * as Container from "./Container.ts"
import { execFailure, sandboxError } from "./Failure.ts"
import type { OciRuntimeOptions } from "./OciRuntimeSandbox.ts"
import * as Ongoing from "./Ongoing.ts"
import * as Runtime from "./Runtime.ts"
import * as RuntimeDirectory from "./RuntimeDirectory.ts"
import { SIGNALED, signalNames } from "./Signals.ts"
import { Layers } from "./Skeleton.ts"

/** Finds the runtime and takes a directory for its state, until the scope closes. */
export const open = (
  options: OciRuntimeOptions,
  stateDirectory: string
): Effect.Effect<Pick<SandboxService, "run">, SandboxError, Scope.Scope> =>
  Effect.gen(function* () {
    if (process.platform !== "linux") return yield* sandboxError("OCI runtimes run on Linux only")
    if (process.geteuid?.() !== 0) {
      return yield* sandboxError("containers need root", undefined, "run it as root, e.g. with sudo")
    }
    const name = options.runtime ?? "runc"
    const program = ChildProcess.find(name)
    if (program === undefined) {
      return yield* sandboxError(`there is no program ${name}`, undefined, Container.NO_RUNTIME)
    }
    const reaper = yield* Reaper.make
    const directory = yield* RuntimeDirectory.acquire(stateDirectory, {
      program,
      hidden: Runtime.hiddenMounts(program),
      reaper
    })
    // After the directory, so that it ends what is running before that goes.
    const during = yield* Ongoing.make
    const run = runner(options, directory, new Layers())
    return { run: (command, rootfs, output) => during(run(command, rootfs, output)) }
  })

const runner =
  (
    { fastSync = false, memoryLimit }: OciRuntimeOptions,
    directory: RuntimeDirectory.RuntimeDirectory,
    layers: Layers
  ): SandboxService["run"] =>
  (command, rootfs, output) =>
    Effect.scoped(
      Effect.gen(function* () {
        const fail = (outcome: Outcome) => new CommandFailed({ argv: command.argv, outcome })
        const workplace = yield* directory.borrow
        const bundle = yield* Bundle.acquire({ command, rootfs, workplace, layers, memoryLimit, fastSync })
        if ("outcome" in bundle) return yield* fail(bundle.outcome)

        const beginning = new Beginning()
        const ended = yield* Container.run(
          {
            runtime: directory.runtime,
            id: workplace.id,
            bundle: workplace.path,
            overlays: { mounts: bundle.overlays, links: workplace.links, volatile: fastSync },
            argv: command.argv
          },
          (chunk) => {
            beginning.add(chunk)
            return output(chunk)
          }
        )
        const outcome = "outcome" in ended ? Option.some(ended.outcome) : outcomeOf(ended, beginning)
        if (Option.isSome(outcome)) return yield* fail(outcome.value)
      })
    )

/** The first bytes of a step's output, where a runtime says that the program could not be executed. */
class Beginning {
  private text = ""
  private size = 0

  add(chunk: Uint8Array): void {
    this.size += chunk.length
    if (this.size <= MAX_BEGINNING) this.text += Buffer.from(chunk).toString("utf8")
  }

  /** All of the output, if it is short; otherwise nothing. */
  get all(): string {
    return this.size <= MAX_BEGINNING ? this.text : ""
  }
}

const MAX_BEGINNING = 1024

const outcomeOf = ({ status, outOfMemory }: Container.Ended, beginning: Beginning): Option.Option<Outcome> => {
  if (status._tag === "Exited" && status.status === 0) return Option.none()
  const number = status._tag === "Signaled" ? status.signal : status.status - SIGNALED
  if (outOfMemory && number === constants.signals.SIGKILL) return Option.some({ _tag: "OutOfMemory" })
  const signal = signalNames.get(number)
  if (signal !== undefined) return Option.some({ _tag: "Signal", signal })
  if (status._tag === "Signaled") return Option.some({ _tag: "Signal", signal: `SIG${number}` })
  return Option.orElseSome(Option.fromNullable(execFailure(beginning.all)), () => ({
    _tag: "Exit",
    status: status.status
  }))
}
