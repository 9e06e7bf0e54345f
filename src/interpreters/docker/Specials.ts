/**
 * What an engine puts between a container's image and its own layer, where the
 * image has no such thing: none of it gets into an image that is made of the
 * container, but who looks into a container sees it. Which of them an image
 * really has, a label of the image says.
 */
import type { Change } from "./EngineCalls.ts"

/** moby/daemon/initlayer. */
export const SPECIALS: ReadonlyArray<string> = [
  "/.dockerenv",
  "/dev",
  "/dev/console",
  "/dev/pts",
  "/dev/shm",
  "/etc",
  "/etc/hostname",
  "/etc/hosts",
  "/etc/mtab",
  "/etc/resolv.conf",
  "/proc",
  "/sys"
]

export const LABEL = "obuilder.has"

export const toLabel = (present: ReadonlySet<string>): string => [...present].sort().join(" ")

export const fromLabel = (label: string | undefined): ReadonlySet<string> =>
  new Set((label ?? "").split(" ").filter((path) => path !== ""))

/** Those that an image has that is made of a container with these changes. */
export const after = (present: ReadonlySet<string>, changes: ReadonlyArray<Change>): ReadonlySet<string> => {
  const result = new Set(present)
  for (const { Kind, Path } of changes) {
    if (!SPECIALS.includes(Path)) continue
    if (Kind === 2) for (const one of SPECIALS) if (`${one}/`.startsWith(`${Path}/`)) result.delete(one)
    if (Kind !== 2) result.add(Path)
  }
  return result
}

/** Whether a path that is seen in a container is the engine's doing. */
export const isEngines = (present: ReadonlySet<string>, path: string): boolean =>
  SPECIALS.includes(path) && !present.has(path)
