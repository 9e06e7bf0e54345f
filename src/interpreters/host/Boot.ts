/** What tells one run of the kernel from another. */
import * as Fs from "node:fs"
import { systemText } from "./Libc.ts"
import { isLinux, isMacOs } from "./System.ts"

/**
 * The kernel's name for its run, or when it began; empty where nothing tells,
 * so that all is one run. FreeBSD moves the time when the clock is set: then
 * what was made since the disk was last written to counts as lost, and is made again.
 */
export const bootName = (): string => {
  try {
    if (isLinux()) return Fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()
    return systemText(isMacOs() ? "kern.bootsessionuuid" : "kern.boottime")
  } catch {
    return ""
  }
}
