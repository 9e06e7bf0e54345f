/** The kinds of local stores, each where it can be: on the scratch directory, or on a file system in a file. */
import { spawn, spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import { BtrfsStore, OverlayfsStore, RsyncStore, XfsStore, ZfsStore } from "../dist/lib/index.js"
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

/** A pool in a file; zfs-fuse is started where ZFS does not answer, and ended with this process. */
const pool = {
  needs: "zpool",
  mount: async (directory) => {
    const image = `${directory}/image`
    const path = `${directory}/mnt`
    Fs.mkdirSync(path, { recursive: true })
    Fs.closeSync(Fs.openSync(image, "w"))
    Fs.truncateSync(image, SIZE)
    const answers = () => spawnSync("zpool", ["list"], { stdio: "ignore" }).status === 0
    let daemon
    if (!answers()) {
      daemon = spawn("zfs-fuse", ["--no-daemon", "--no-kstat-mount"], { stdio: "ignore" })
      daemon.unref()
      process.once("exit", () => daemon.kill())
      while (!answers() && daemon.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const name = `obuilder-bench-${process.pid}`
    process.env.POOL = name
    run("zpool", ["create", "-o", "cachefile=none", "-m", path, name, image])
    return {
      path,
      unmount: async () => {
        for (let tries = 0; spawnSync("zpool", ["destroy", "-f", name], { stdio: "ignore" }).status !== 0; tries++) {
          if (tries > 100) throw new Error(`the pool ${name} cannot be destroyed`)
          await new Promise((resolve) => setTimeout(resolve, 100))
        }
        daemon?.kill()
      }
    }
  }
}

/** The dataset of a path in such a pool. */
const datasetAt = (path) => `${process.env.POOL}${path.slice(path.indexOf("/mnt") + 4)}`

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
  {
    name: "zfs",
    disk: pool,
    layer: ({ path }) => ZfsStore.layer({ dataset: datasetAt(path) }),
    clone: 'zfs clone -o mountpoint="$2" "$POOL/tree@base" "$POOL/copy$(echo "$2" | tr / -)"',
    prepare: 'zfs create -o mountpoint="$2" "$POOL/tree" && cp -a "$1"/. "$2"/ && zfs snapshot "$POOL/tree@base"',
    // A result takes a command or two of ZFS's.
    most: 1000
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
    const { path, unmount } = await kind.disk.mount(`${scratch}/on-${kind.name}`)
    try {
      results.push(...(await use(kind, path)))
    } finally {
      await unmount()
    }
  }
  return results
}
