/**
 * Mounts that only one child process sees.
 *
 * The calling thread enters a new mount namespace, mounts, starts the child,
 * and goes back: the namespace, and every mount in it, lives as long as the
 * child and what it starts, and is gone with them however they end. Nothing is
 * ever mounted on the host, so nothing can be left there, and there is no
 * helper process to pay for.
 *
 * A thread that does this no longer shares its working directory, root and
 * umask with the process's other threads (unshare(2), `CLONE_FS`); all three
 * are afterwards what they were.
 */
import * as Fs from "node:fs"
import * as Syscalls from "./Syscalls.ts"

/** An overlayfs to mount. Lower directories are topmost first. */
export interface OverlayMount {
  readonly target: string
  readonly lower: ReadonlyArray<string>
  readonly upper: string
  readonly work: string
}

export interface PrivateMounts {
  readonly overlays: ReadonlyArray<OverlayMount>
  /** An empty directory, for the links that `mount` is given in place of the layers' paths. */
  readonly links: string
  /** Whether the layers' file system need not be synchronised when the overlay is unmounted (Linux 5.10). */
  readonly volatile: boolean
  /** Mount points that the child is not to see. */
  readonly hidden: ReadonlyArray<string>
}

/** Mount options may take a page, with the NUL at their end. */
const MAX_DATA = 4095

/** More layers than mount options have room for. */
export class TooManyLayers extends Error {
  constructor(layers: number) {
    super(`an overlay of ${layers} layers has more mount options than the kernel takes`)
  }
}

/**
 * Calls `body`, which starts the child, where the mounts can be seen. Throws
 * what the kernel refuses, as `ErrnoError`, or {@link TooManyLayers}.
 */
export const within = <A>(mounts: PrivateMounts, body: () => A): A => {
  const options = mounts.overlays.map(linker(mounts.links))
  return apart(() => {
    Syscalls.isolateMounts()
    for (const path of mounts.hidden) Syscalls.detach(path)
    // The links are named from here: short, and without a character that means something in mount options.
    if (options.length > 0) Syscalls.chdir(mounts.links)
    for (const { target, data } of options) mountOverlay(target, data, mounts.volatile)
    return body()
  })
}

const linker = (links: string): ((overlay: OverlayMount) => { readonly target: string; readonly data: string }) => {
  let count = 0
  const link = (path: string): string => {
    const name = (count++).toString(36)
    Fs.symlinkSync(path, `${links}/${name}`)
    return name
  }
  return ({ target, lower, upper, work }) => {
    const layers = `lowerdir=${lower.map(link).join(":")},upperdir=${link(upper)},workdir=${link(work)}`
    // Layers are read without mounting them too, so they hold nothing but files and whiteouts.
    const data = `${layers},redirect_dir=off,index=off,metacopy=off`
    if (data.length > MAX_DATA) throw new TooManyLayers(lower.length)
    return { target, data }
  }
}

const mountOverlay = (target: string, data: string, unsynced: boolean): void => {
  if (unsynced && data.length + VOLATILE.length <= MAX_DATA) {
    try {
      Syscalls.mount("overlay", target, "overlay", data + VOLATILE)
      return
    } catch {
      // An older kernel does not know the option: it is only a matter of speed.
    }
  }
  Syscalls.mount("overlay", target, "overlay", data)
}

const VOLATILE = ",volatile"

/** Calls `body` in a mount namespace of the thread's own, and comes back. */
const apart = <A>(body: () => A): A => {
  const home = Fs.openSync("/proc/thread-self/ns/mnt", "r")
  const root = Fs.openSync("/", "r")
  const directory = Fs.openSync(".", "r")
  try {
    Syscalls.unshareMounts()
    try {
      return body()
    } finally {
      // Entering a namespace leads to its root directory, which need not be this process's.
      Syscalls.enterMounts(home)
      Syscalls.fchdir(root)
      Syscalls.chroot(".")
      Syscalls.fchdir(directory)
    }
  } finally {
    for (const fd of [home, root, directory]) Fs.closeSync(fd)
  }
}
