/**
 * Results as whole trees on a file system with reflinks (XFS, and others that
 * know `FICLONE`): a copy shares its blocks until one of the two is written to.
 */
import * as Fs from "node:fs"
import { constants } from "node:os"
import { cloneTree, shareContent, tryShare } from "../host/CloneTree.ts"
import { ErrnoError } from "../host/Libc.ts"
import * as LocalStore from "./LocalStore.ts"
import type { Layout } from "./local/Layout.ts"
import * as WholeTree from "./local/WholeTree.ts"

/** Tries it with a file of a block. */
const check = (layout: Layout): void => {
  const [one, two] = [`${layout.temporary}/.reflink-1-${process.pid}`, `${layout.temporary}/.reflink-2-${process.pid}`]
  try {
    Fs.writeFileSync(one, Buffer.alloc(4096))
    if (tryShare(one, two)) return
    throw LocalStore.unsuitable(
      `${layout.root} is not on a file system with reflinks`,
      "name a directory on XFS made with reflink=1, or use --store=rsync:PATH, which works anywhere",
      new ErrnoError(constants.errno.EOPNOTSUPP, "ioctl FICLONE", layout.root)
    )
  } finally {
    Fs.rmSync(one, { force: true })
    Fs.rmSync(two, { force: true })
  }
}

const trees = WholeTree.make({
  kind: "xfs",
  extents: true,
  check,
  create: WholeTree.createDirectory,
  clone: (from, to) => cloneTree(from, to, shareContent)
})

export const { layer, make } = LocalStore.of(trees)
