/** The kinds of local stores, each where it can be: on the scratch directory, or on a file system in a file. */
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import { BtrfsStore, OverlayfsStore, RsyncStore, XfsStore } from "../dist/lib/index.js"
import { run } from "./processes.mjs"

/** Bytes; a file with nothing in it takes none. */
const SIZE = 4 * 2 ** 30

const inFile = (program, ...args) => ({
  needs: program,
  mount: (directory) => {
    const image = `${directory}/image`
    const path = `${directory}/mnt`
    Fs.mkdirSync(path, { recursive: true })
    Fs.closeSync(Fs.openSync(image, "w"))
    Fs.truncateSync(image, SIZE)
    run(program, [...args, image])
    run("mount", ["-o", "loop", image, path])
    process.once("exit", () => spawnSync("umount", ["-l", path]))
    return { path, unmount: () => run("umount", [path]) }
  }
})

const plain = {
  needs: "sh",
  mount: (directory) => {
    Fs.mkdirSync(directory, { recursive: true })
    return { path: directory, unmount: () => undefined }
  }
}

/**
 * `clone` is the shell's command that makes a copy `$2` of the tree `$1` in the
 * way of this kind; for layers nothing is copied.
 */
export const kinds = [
  { name: "overlayfs", disk: plain, layer: OverlayfsStore.layer, clone: "mkdir $2", prepare: "cp -a $1 $2" },
  {
    name: "btrfs",
    disk: inFile("mkfs.btrfs", "-q"),
    layer: BtrfsStore.layer,
    clone: "btrfs -q subvolume snapshot $1 $2",
    prepare: "btrfs -q subvolume create $2 && cp -a $1/. $2/"
  },
  {
    name: "xfs",
    disk: inFile("mkfs.xfs", "-q", "-m", "reflink=1"),
    layer: XfsStore.layer,
    clone: "cp -a --reflink=always $1 $2",
    prepare: "cp -a $1 $2"
  },
  { name: "rsync", disk: plain, layer: RsyncStore.layer, clone: "cp -a $1 $2", prepare: "cp -a $1 $2" }
]

/** Runs `use` for each kind that this machine has the programs for, with a directory on its file system. */
export const onEach = async (scratch, use) => {
  const results = []
  for (const kind of kinds) {
    if (spawnSync("sh", ["-c", `command -v ${kind.disk.needs}`]).status !== 0) {
      console.error(`${kind.name} is left out: ${kind.disk.needs} is not here`)
      continue
    }
    const { path, unmount } = kind.disk.mount(`${scratch}/on-${kind.name}`)
    try {
      results.push(...(await use(kind, path)))
    } finally {
      unmount()
    }
  }
  return results
}
