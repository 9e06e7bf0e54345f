/**
 * What runc and crun note down about a container: `state.json` and `status`
 * below their `--root`. Neither is a documented format, so that whatever cannot
 * be read is left to the runtime's own `delete`, which is only slower.
 */
import * as Fs from "node:fs"
import type { Runtime } from "./Runtime.ts"

const CGROUPS = "/sys/fs/cgroup"

/** The container's control groups: one directory, or one for each old-style controller. */
export const cgroups = ({ records }: Runtime, id: string): ReadonlyArray<string> => {
  const runc = field(`${records}/${id}/state.json`, "cgroup_paths")
  if (typeof runc === "object" && runc !== null) {
    return [...new Set(Object.values(runc).filter((path): path is string => typeof path === "string"))]
  }
  const crun = field(`${records}/${id}/status`, "cgroup-path")
  if (typeof crun !== "string" || !crun.endsWith(id)) return []
  return ["", ...Fs.readdirSync(CGROUPS).map((name) => `/${name}`)]
    .map((controller) => CGROUPS + controller + crun)
    .filter((path) => Fs.existsSync(path))
}

const field = (path: string, name: string): unknown => {
  try {
    const value: unknown = JSON.parse(Fs.readFileSync(path, "utf8"))
    return typeof value === "object" && value !== null
      ? Object.entries(value).find(([key]) => key === name)?.[1]
      : undefined
  } catch {
    return undefined
  }
}

/** Whether the kernel has killed one of the container's processes for lack of memory. */
export const ranOutOfMemory = (groups: ReadonlyArray<string>): boolean =>
  groups.some((group) =>
    ["memory.events", "memory.oom_control"].some((file) => {
      try {
        return /^oom_kill [1-9]/m.test(Fs.readFileSync(`${group}/${file}`, "utf8"))
      } catch {
        // Another controller's group, or the other version's file.
        return false
      }
    })
  )

/** Removes what is left of a container that is dead; false where the runtime had better do it. */
export const remove = ({ records }: Runtime, id: string, groups: ReadonlyArray<string>): boolean => {
  if (groups.length === 0) return false
  try {
    for (const group of groups) Fs.rmdirSync(group)
    // One level, as both have it; `rmSync` takes several times as long.
    const own = `${records}/${id}`
    for (const name of Fs.readdirSync(own)) Fs.unlinkSync(`${own}/${name}`)
    Fs.rmdirSync(own)
    return true
  } catch {
    return false
  }
}
