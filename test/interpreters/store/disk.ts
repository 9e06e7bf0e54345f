/** A file system of some kind, in a file, for one test file; gone when its tests are done. */
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import { afterAll, beforeAll } from "vitest"

/** Bytes; a file with nothing in it takes none. */
const SIZE = 2 * 2 ** 30

const MAKE = {
  btrfs: ["mkfs.btrfs", "-q"],
  xfs: ["mkfs.xfs", "-q", "-m", "reflink=1"]
} as const

export type DiskKind = keyof typeof MAKE

/** Mounted before the tests of the `describe` in which this is called. */
export const disk = (kind: DiskKind): { readonly path: string } => {
  const directory = Fs.realpathSync(Fs.mkdtempSync(`${Os.tmpdir()}/obuilder-test-disk-`))
  const image = `${directory}/image`
  const path = `${directory}/mnt`
  beforeAll(() => {
    Fs.mkdirSync(path)
    Fs.closeSync(Fs.openSync(image, "w"))
    Fs.truncateSync(image, SIZE)
    const [program, ...args] = MAKE[kind]
    execFileSync(program, [...args, image], { stdio: "pipe" })
    execFileSync("mount", ["-o", "loop", image, path], { stdio: "pipe" })
  })
  afterAll(() => {
    // The loop device goes with the mount.
    execFileSync("umount", [path], { stdio: "pipe" })
    Fs.rmSync(directory, { recursive: true })
  })
  return { path }
}
