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

export interface Overlays {
  readonly mounts: ReadonlyArray<OverlayMount>
  /** For what the kernel is given in place of the layers' paths. */
  readonly links: Links
  /** Whether the layers' file system need not be synchronised when the overlay is unmounted (Linux 5.10). */
  readonly volatile: boolean
}

export interface PrivateMounts {
  readonly overlays?: Overlays | undefined
  /** Mount points that the child is not to see. */
  readonly hidden: ReadonlyArray<string>
}

/**
 * A directory with short links to long paths, made as they are needed. One may
 * be used again and again, but not for two mounts at the same time.
 */
export class Links {
  readonly directory: string
  private readonly targets = new Map<string, string>()

  /** The directory must be there, and empty. */
  constructor(directory: string) {
    this.directory = directory
  }

  /** Makes the link `name` lead to a path, and returns its name. */
  set(name: string, path: string): string {
    const old = this.targets.get(name)
    if (old === path) return name
    this.targets.delete(name)
    if (old !== undefined) Fs.unlinkSync(`${this.directory}/${name}`)
    Fs.symlinkSync(path, `${this.directory}/${name}`)
    this.targets.set(name, path)
    return name
  }
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
export const within = <A>({ overlays, hidden }: PrivateMounts, body: () => A): A => {
  const mount = overlays === undefined ? () => undefined : mounter(overlays)
  return apart(() => {
    Syscalls.isolateMounts()
    for (const path of hidden) Syscalls.detach(path)
    mount()
    return body()
  })
}

/** Makes the links; the result mounts. */
const mounter = ({ mounts, links, volatile }: Overlays): (() => void) => {
  const prepared = mounts.map((overlay, index) => ({
    target: overlay.target,
    data: optionsOf(overlay, links, index.toString(36))
  }))
  return () => {
    // The links are named from here: short, and without a character that means something in mount options.
    Syscalls.chdir(links.directory)
    for (const { target, data } of prepared) mountOverlay(target, data, volatile)
  }
}

const optionsOf = ({ lower, upper, work }: OverlayMount, links: Links, prefix: string): string => {
  // Counted from the lowest, so that a layer keeps its name when another is put on top.
  const lowers = lower.map((path, at) => links.set(`${prefix}.${(lower.length - at).toString(36)}`, path))
  const upperAndWork = `upperdir=${links.set(`${prefix}u`, upper)},workdir=${links.set(`${prefix}w`, work)}`
  // Layers are read without mounting them too, so they hold nothing but files and whiteouts.
  const data = `lowerdir=${lowers.join(":")},${upperAndWork},redirect_dir=off,index=off,metacopy=off`
  if (data.length > MAX_DATA) throw new TooManyLayers(lower.length)
  return data
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
