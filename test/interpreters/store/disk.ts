/** A file system of some kind, in a file, for one test file; gone when its tests are done. */
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import { basename, dirname } from "node:path"
import { afterAll, beforeAll } from "vitest"
import { until } from "../../until.ts"
import { holdZfs, succeeds } from "./zfsDaemon.ts"

/** Bytes; a file with nothing in it takes none. */
const SIZE = 2 * 2 ** 30

interface Maker {
  /** Makes a file system in the file `image` and mounts it; gives what undoes that. */
  readonly mount: (image: string, path: string) => Promise<() => Promise<void> | void>
}

const inLoop = (program: string, ...args: ReadonlyArray<string>): Maker => ({
  mount: async (image, path) => {
    execFileSync(program, [...args, image], { stdio: "pipe" })
    execFileSync("mount", ["-o", "loop", image, path], { stdio: "pipe" })
    // The loop device goes with the mount.
    return () => void execFileSync("umount", [path], { stdio: "pipe" })
  }
})

const pool: Maker = {
  mount: async (image, path) => {
    const release = await holdZfs()
    const name = poolAt(path)
    try {
      execFileSync("zpool", ["create", "-o", "cachefile=none", "-m", path, name, image], { stdio: "pipe" })
    } catch (error) {
      await release()
      throw error
    }
    return async () => {
      try {
        await until(`the pool ${name} is destroyed`, () => succeeds("zpool", "destroy", "-f", name))
      } finally {
        await release()
      }
    }
  }
}

/** The directory of a disk has a name of its own, and so has its pool. */
export const poolAt = (path: string): string => basename(dirname(path))

/** The ZFS file system for a store that would be at a path on such a disk. */
export const datasetAt = (path: string): string => {
  const mount = /^.*?\/mnt(?=\/)/.exec(path)?.[0] ?? ""
  return `${poolAt(mount)}${path.slice(mount.length)}`
}

const makers = {
  btrfs: inLoop("mkfs.btrfs", "-q"),
  xfs: inLoop("mkfs.xfs", "-q", "-m", "reflink=1"),
  zfs: pool
} as const satisfies Readonly<Record<string, Maker>>

export type DiskKind = keyof typeof makers

export interface Disk {
  /** Where it is mounted. */
  readonly path: string
  /** The file that it is in. */
  readonly image: string
}

/** Mounted before the tests of the `describe` in which this is called. */
export const disk = (kind: DiskKind): Disk => {
  const directory = Fs.realpathSync(Fs.mkdtempSync(`${Os.tmpdir()}/obuilder-test-disk-`))
  const image = `${directory}/image`
  const path = `${directory}/mnt`
  let unmount: (() => Promise<void> | void) | undefined
  beforeAll(async () => {
    Fs.mkdirSync(path)
    Fs.closeSync(Fs.openSync(image, "w"))
    Fs.truncateSync(image, SIZE)
    unmount = await makers[kind].mount(image, path)
  })
  afterAll(async () => {
    await unmount?.()
    Fs.rmSync(directory, { recursive: true })
  })
  return { path, image }
}
