/** The sandbox that goes with the stores of this machine: by its system. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { SandboxError, type SandboxService } from "../interpreters/Sandbox.ts"
import * as JailSandbox from "../interpreters/sandbox/JailSandbox.ts"
import * as OciRuntimeSandbox from "../interpreters/sandbox/OciRuntimeSandbox.ts"
import { isMacOs } from "../interpreters/host/System.ts"
import type { SandboxOptions } from "./Backend.ts"
import * as MacBackend from "./MacBackend.ts"

export const ofThisSystem = (options: SandboxOptions): Effect.Effect<SandboxService, SandboxError, Scope.Scope> =>
  process.platform === "freebsd" ? jails(options) : isMacOs() ? MacBackend.sandbox(options) : ociRuntime(options)

const ociRuntime = ({ fastSync, memory, runtime }: SandboxOptions) =>
  OciRuntimeSandbox.make({
    fastSync,
    runtime: Option.getOrUndefined(runtime),
    memoryLimit: Option.getOrUndefined(memory)
  })

const jails = ({ fastSync, memory, runtime }: SandboxOptions) =>
  Effect.gen(function* () {
    if (Option.isSome(memory)) {
      return yield* refused("--memory", "set a limit for all jails with rctl(8), or leave --memory out")
    }
    if (Option.isSome(runtime)) return yield* refused("--runtime", "leave --runtime out: steps run in jails here")
    if (fastSync)
      return yield* refused("--fast-sync", "set sync=disabled on the store's dataset, or leave --fast-sync out")
    return yield* JailSandbox.make()
  })

const refused = (flag: string, hint: string): SandboxError =>
  new SandboxError({ message: `a jail knows nothing of ${flag}`, hint: Option.some(hint), cause: undefined })
