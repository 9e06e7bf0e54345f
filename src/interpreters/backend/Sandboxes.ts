/** The sandbox that goes with the stores of this machine: by its system. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { SandboxError, type SandboxService } from "../Sandbox.ts"
import * as JailSandbox from "../sandbox/JailSandbox.ts"
import * as OciRuntimeSandbox from "../sandbox/OciRuntimeSandbox.ts"
import { isMacOs } from "../host/System.ts"
import type { OptionNames, SandboxOptions } from "./Backend.ts"
import * as MacBackend from "./MacBackend.ts"

export const ofThisSystem =
  (names: OptionNames) =>
  (options: SandboxOptions): Effect.Effect<SandboxService, SandboxError, Scope.Scope> => {
    const foreign = foreignOption(names, options)
    if (foreign !== undefined) return foreign
    return process.platform === "freebsd"
      ? jails(names, options)
      : isMacOs()
        ? MacBackend.sandbox(names, options)
        : ociRuntime(options)
  }

/** A limit that is not heeded is worse than one that is refused. */
const foreignOption = (names: OptionNames, options: SandboxOptions): SandboxError | undefined => {
  const isGiven = (name: keyof SandboxOptions): boolean => {
    const value = options[name]
    return typeof value === "object" && value._tag === "Some"
  }
  for (const name of OF_DOCKER) {
    if (isGiven(name)) return unheeded(names[name], `name a store with ${names.dockerStore}, or leave it out`)
  }
  if (isMacOs()) return undefined
  if (isGiven("uid")) return unheeded(names.uid, "it is for macOS: leave it out")
  return isGiven("brewPath") ? unheeded(names.brewPath, "it is for macOS: leave it out") : undefined
}

const OF_DOCKER = ["dockerCpus", "dockerMemory", "dockerIsolation", "dockerNetwork"] as const

const unheeded = (option: string, hint: string): SandboxError =>
  new SandboxError({ message: `${option} means nothing to this store`, hint: Option.some(hint), cause: undefined })

const ociRuntime = ({ fastSync, memory, runtime }: SandboxOptions) =>
  OciRuntimeSandbox.make({
    fastSync,
    runtime: Option.getOrUndefined(runtime),
    memoryLimit: Option.getOrUndefined(memory)
  })

const jails = (names: OptionNames, { fastSync, memory, runtime }: SandboxOptions) =>
  Effect.gen(function* () {
    if (Option.isSome(memory)) {
      return yield* refused(names.memory, `set a limit for all jails with rctl(8), or leave ${names.memory} out`)
    }
    if (Option.isSome(runtime)) {
      return yield* refused(names.runtime, `leave ${names.runtime} out: steps run in jails here`)
    }
    if (fastSync) {
      const hint = `set sync=disabled on the store's dataset, or leave ${names.fastSync} out`
      return yield* refused(names.fastSync, hint)
    }
    return yield* JailSandbox.make()
  })

const refused = (option: string, hint: string): SandboxError =>
  new SandboxError({ message: `a jail knows nothing of ${option}`, hint: Option.some(hint), cause: undefined })
