/** What an engine is told of a step's container: `POST /containers/create` of its API. */
import type { Command } from "../Sandbox.ts"
import type { DockerSandboxOptions } from "./DockerSandbox.ts"
import type { DockerVolume } from "./DockerTree.ts"
import type { SecretMount } from "./SecretFiles.ts"

export interface Mounted {
  readonly caches: ReadonlyArray<{ readonly target: string; readonly volume: DockerVolume }>
  readonly secrets: ReadonlyArray<SecretMount>
}

const NANO = 1e9

export const make = (options: DockerSandboxOptions, command: Command, mounted: Mounted): object => {
  const { cpus, isolation, memory, runtime } = options
  return {
    Hostname: command.hostname,
    User: userOf(command),
    WorkingDir: command.cwd,
    Env: environmentOf(command),
    Entrypoint: command.argv,
    Cmd: [],
    HostConfig: {
      NetworkMode: networkOf(options, command),
      // What it writes goes to who listens, and into no file of the engine's.
      LogConfig: { Type: "none" },
      Mounts: mountsOf(mounted),
      ...(cpus === undefined ? {} : { NanoCpus: Math.round(cpus * NANO) }),
      ...(memory === undefined ? {} : { Memory: memory, MemorySwap: memory }),
      ...(isolation === undefined || isolation === "default" ? {} : { Isolation: isolation }),
      ...(runtime === undefined ? {} : { Runtime: runtime })
    }
  }
}

const userOf = ({ user }: Command): string => (user._tag === "Unix" ? `${user.uid}:${user.gid}` : user.name)

const networkOf = ({ network }: DockerSandboxOptions, command: Command): string =>
  command.network === "none" ? "none" : (network ?? "host")

/** What engines add to the environment; a name without a value takes it away again. */
const ADDED = ["HOSTNAME", "PATH"]

const environmentOf = ({ environment }: Command): ReadonlyArray<string> => {
  const names = new Set(environment.map(({ name }) => name))
  return [...environment.map(({ name, value }) => `${name}=${value}`), ...ADDED.filter((name) => !names.has(name))]
}

export const mountsOf = ({ caches, secrets }: Pick<Mounted, "caches" | "secrets">): ReadonlyArray<object> => [
  ...caches.map(({ target, volume }) => volumeMount(volume.name, target)),
  ...secrets.map(({ source, target }) => ({ Type: "bind", Source: source, Target: target, ReadOnly: true }))
]

/** A volume as it is: what the image has at the place is not copied into it. */
export const volumeMount = (name: string, target: string): object => ({
  Type: "volume",
  Source: name,
  Target: target,
  VolumeOptions: { NoCopy: true }
})
