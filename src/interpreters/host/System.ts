/**
 * Which system this is, as far as it matters here. Asked at every call, and of
 * `process` itself, so that tests can run what is for others.
 *
 * What is not for Linux goes by the manual pages of FreeBSD and macOS.
 */
import * as Fs from "node:fs"
import { codeOf } from "./IoError.ts"

export const isLinux = (): boolean => process.platform === "linux"

export const isMacOs = (): boolean => process.platform === "darwin"

/**
 * Whether an open descriptor's own path can be used again: `/proc/self/fd/N/name`
 * is `openat(N, name)`. Elsewhere `/dev/fd` has descriptors, but nothing below them.
 */
export const hasProc = isLinux

/** Whether a call that does not follow links was refused for one: `EMLINK` is FreeBSD's. */
export const isLink = (code: string | undefined): boolean => code === "ELOOP" || (code === "EMLINK" && !isLinux())

/** Whether there is a process with this number, somebody's. */
export const hasProcess = (pid: number | string): boolean => {
  if (isLinux()) return Fs.existsSync(`/proc/${pid}`)
  try {
    process.kill(Number(pid), 0)
    return true
  } catch (error) {
    return codeOf(error) !== "ESRCH"
  }
}
