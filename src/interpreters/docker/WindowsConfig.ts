/** What an engine of Windows is told of a container: `POST /containers/create` of its API. */
import type { Variable } from "../../domain/Inputs.ts"
import type { Command } from "../Sandbox.ts"
import type { DockerSandboxOptions } from "./DockerSandbox.ts"
import type { DockerVolume } from "./DockerTree.ts"
import type { Start } from "./WindowsCommand.ts"

const NANO = 1e9

/** Who may do everything in a container. */
export const ADMINISTRATOR = "ContainerAdministrator"

/** The engine's own network, behind its address. */
export const NETWORK = "nat"

export interface StepMounts {
  readonly caches: ReadonlyArray<{ readonly target: string; readonly volume: DockerVolume }>
  /** What else is mounted. */
  readonly others: ReadonlyArray<object>
}

/** Of a step's container. */
export const step = (options: DockerSandboxOptions, command: Command, start: Start, mounts: StepMounts): object => {
  const { cpus, isolation, memory, network, runtime } = options
  return {
    Hostname: command.hostname,
    User: command.user._tag === "Named" ? command.user.name : ADMINISTRATOR,
    WorkingDir: native(command.cwd),
    Env: environment(command.environment),
    ...start,
    HostConfig: {
      ...host(isolation),
      NetworkMode: command.network === "none" ? "none" : (network ?? NETWORK),
      Mounts: [...mounts.caches.map(({ target, volume }) => volumeMount(volume.name, target)), ...mounts.others],
      ...(cpus === undefined ? {} : { NanoCpus: Math.round(cpus * NANO) }),
      ...(memory === undefined ? {} : { Memory: memory }),
      ...(runtime === undefined ? {} : { Runtime: runtime })
    }
  }
}

/** Of a container for work of our own. */
export const tool = (start: Start, mounts: ReadonlyArray<object>, hasInput = false): object => ({
  User: ADMINISTRATOR,
  WorkingDir: "C:\\",
  ...start,
  ...(hasInput ? { OpenStdin: true, StdinOnce: true, AttachStdin: true } : {}),
  AttachStdout: true,
  AttachStderr: true,
  HostConfig: { ...host(undefined), NetworkMode: "none", Mounts: mounts }
})

/**
 * A virtual machine for each container, as OBuilder has it, unless something else
 * is asked for: it runs images of older versions of Windows too, and keeps apart
 * what shares a kernel otherwise.
 */
const host = (isolation: DockerSandboxOptions["isolation"]): object => ({
  Isolation: isolation ?? "hyperv",
  // What it writes goes to who listens, and into no file of the engine's.
  LogConfig: { Type: "none" }
})

export const volumeMount = (name: string, target: string, readOnly = false): object => ({
  Type: "volume",
  Source: name,
  Target: native(target),
  ...(readOnly ? { ReadOnly: true } : {})
})

/** As Windows writes a path. */
export const native = (path: string): string => path.replaceAll("/", "\\")

/** Windows does not tell the case of names: the last one of a name counts. */
const environment = (variables: ReadonlyArray<Variable>): ReadonlyArray<string> => {
  const found = new Map<string, string>()
  for (const { name, value } of variables) found.set(name.toUpperCase(), `${name}=${value}`)
  return [...found.values()]
}
