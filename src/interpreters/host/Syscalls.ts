/**
 * The C library's calls about mounts, namespaces and child processes that Node
 * does not have, through koffi. Linux only.
 *
 * As in `Libc.ts`: loaded at the first call, synchronous, and throwing
 * {@link ErrnoError}. Numbers are those of the kernel's user-space headers,
 * which are the same on x86-64 and arm64.
 */
import type * as Koffi from "koffi"
import { createRequire } from "node:module"
import { constants } from "node:os"
import { ErrnoError } from "./Libc.ts"

interface Bindings {
  readonly unshare: (flags: number) => number
  readonly setns: (fd: number, kind: number) => number
  readonly mount: (
    source: string | null,
    target: string,
    type: string | null,
    flags: number,
    data: string | null
  ) => number
  readonly umount2: Koffi.KoffiFunc<(target: string, flags: number) => number>
  readonly chdir: (path: string) => number
  readonly fchdir: (fd: number) => number
  readonly close: (fd: number) => number
  readonly chroot: (path: string) => number
  readonly prctl: (option: number, a: number, b: number, c: number, d: number) => number
  readonly waitpid: (pid: number, status: Array<number>, options: number) => number
  readonly errno: () => number
}

let bindings: Bindings | undefined

const load = (): Bindings => {
  if (bindings !== undefined) return bindings
  const koffi: typeof Koffi = createRequire(import.meta.url)("koffi")
  const libc = koffi.load(null)
  bindings = {
    unshare: libc.func("int unshare(int flags)"),
    setns: libc.func("int setns(int fd, int kind)"),
    mount: libc.func(
      "int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)"
    ),
    umount2: libc.func("int umount2(const char *target, int flags)"),
    chdir: libc.func("int chdir(const char *path)"),
    fchdir: libc.func("int fchdir(int fd)"),
    close: libc.func("int close(int fd)"),
    chroot: libc.func("int chroot(const char *path)"),
    prctl: libc.func("int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)"),
    waitpid: libc.func("int waitpid(int pid, _Out_ int *status, int options)"),
    errno: () => koffi.errno()
  }
  return bindings
}

const check = (result: number, syscall: string, path: string): number => {
  if (result < 0) throw new ErrnoError(load().errno(), syscall, path)
  return result
}

const CLONE_NEWNS = 0x20000

/** Gives the calling thread a mount namespace of its own, a copy of the one it had. */
export const unshareMounts = (): void => {
  check(load().unshare(CLONE_NEWNS), "unshare", "mount namespace")
}

/** Puts the calling thread into the mount namespace of an open `/proc/…/ns/mnt`, at its root directory. */
export const enterMounts = (namespace: number): void => {
  check(load().setns(namespace, CLONE_NEWNS), "setns", "mount namespace")
}

const MS_REC = 0x4000
const MS_SLAVE = 0x80000

/** Makes all mounts of the namespace receive what is mounted elsewhere, and pass on nothing. */
export const isolateMounts = (): void => {
  check(load().mount(null, "/", null, MS_REC | MS_SLAVE, null), "mount", "/")
}

export const mount = (source: string, target: string, type: string, data: string): void => {
  check(load().mount(source, target, type, 0, data), "mount", target)
}

const MNT_DETACH = 2

/** Takes a mount away from the namespace, at once, however busy it is. */
export const detach = (target: string): void => {
  check(load().umount2(target, MNT_DETACH), "umount2", target)
}

const UMOUNT_NOFOLLOW = 8

/** Takes a mount away from where all see it, in another thread: it may have much to write first. False where it is busy, or not there. */
export const unmount = (target: string): Promise<boolean> =>
  new Promise((resolve, reject) => {
    load().umount2.async(target, UMOUNT_NOFOLLOW, (error: Error | null, result) => {
      if (error === null) resolve(result === 0)
      else reject(error)
    })
  })

/** Of the calling thread, where it has a file system context of its own; `process.chdir` is the process's. */
export const chdir = (path: string): void => {
  check(load().chdir(path), "chdir", path)
}

export const fchdir = (fd: number): void => {
  check(load().fchdir(fd), "fchdir", `fd ${fd}`)
}

/** Closes a file that Node did not open, and would complain about in worker threads. */
export const close = (fd: number): void => {
  check(load().close(fd), "close", `fd ${fd}`)
}

export const chroot = (path: string): void => {
  check(load().chroot(path), "chroot", path)
}

const PR_SET_CHILD_SUBREAPER = 36

/** Makes processes whose parents end children of this process, if they descend from it. */
export const becomeSubreaper = (): void => {
  check(load().prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl", "child subreaper")
}

const WNOHANG = 1

/** How a process ended: with a status, or by a signal (its number). */
export type WaitStatus =
  | { readonly _tag: "Exited"; readonly status: number }
  | { readonly _tag: "Signaled"; readonly signal: number }

/** Reaps a child if it has ended. `NotAChild` also for what another call has reaped. */
export const tryWait = (pid: number): WaitStatus | "Running" | "NotAChild" => {
  const libc = load()
  const status = [0]
  const result = libc.waitpid(pid, status, WNOHANG)
  if (result === 0) return "Running"
  if (result < 0) {
    const errno = libc.errno()
    if (errno === constants.errno.ECHILD) return "NotAChild"
    throw new ErrnoError(errno, "waitpid", `process ${pid}`)
  }
  // The layout is <bits/waitstatus.h>'s: the signal in the low seven bits, else the status in the second byte.
  const [word = 0] = status
  const signal = word & 0x7f
  return signal === 0 ? { _tag: "Exited", status: (word >> 8) & 0xff } : { _tag: "Signaled", signal }
}
