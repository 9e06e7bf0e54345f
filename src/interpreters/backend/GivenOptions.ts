/** Which options a store's backend cannot heed: one that is passed over is worse than one that is refused. Pure. */
import type { BackendOptions } from "../Backends.ts"

/** What is wrong with an option, and what to do about it. */
export interface Refusal {
  readonly message: string
  readonly hint: string
}

/** What is wrong with the options for a store of this kind, if anything is; what depends on the machine is left to its sandbox. */
export const refusal = (kind: string, options: BackendOptions): Refusal | undefined => {
  const { docker = {}, macOs, memory, platform, rsyncMode } = options
  if (rsyncMode !== undefined && kind !== "rsync") return unheeded("rsyncMode", 'name a store with "rsync:PATH"')
  if (rsyncMode !== undefined && !MODES.includes(rsyncMode)) {
    return { message: `rsyncMode: there is no mode ${quoted(rsyncMode)}`, hint: `it is one of ${MODES.join(", ")}` }
  }
  if (kind === "docker" && macOs !== undefined) return unheeded("macOs", 'name a store with "zfs:POOL/DATASET"')
  if (memory !== undefined && docker.memory !== undefined) {
    return { message: "memory and docker.memory are both given", hint: "leave one of them out" }
  }
  const numbers = { memory, "docker.memory": docker.memory, "docker.cpus": docker.cpus }
  for (const [name, value] of Object.entries(numbers)) {
    if (value === undefined || (typeof value === "number" && Number.isFinite(value) && value > 0)) continue
    return { message: `${name}: ${quoted(value)} is no amount`, hint: "give a finite number greater than 0" }
  }
  if (platform !== undefined && !PLATFORM.test(platform)) {
    const hint = "it is os/architecture or os/architecture/variant, as in linux/arm64 or linux/arm/v7"
    return { message: `platform: ${quoted(platform)} is none`, hint }
  }
  return undefined
}

const MODES: ReadonlyArray<string> = ["copy", "hardlink", "hardlink_unsafe"]

const PLATFORM = /^[a-z0-9]+\/[a-z0-9_]+(\/[a-z0-9.]+)?$/

const unheeded = (name: string, hint: string): Refusal => ({
  message: `${name} means nothing to this store`,
  hint: `${hint}, or leave it out`
})

/** Whatever JavaScript gave. */
const quoted = (value: unknown): string => (typeof value === "string" ? JSON.stringify(value) : String(value))
