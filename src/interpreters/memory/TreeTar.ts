/** A tree in memory as a tar: sorted by name, without times, so that equal trees give equal bytes. */
import * as Effect from "effect/Effect"
import type { Header, Pack } from "tar-stream"
import * as PackedTar from "../host/PackedTar.ts"
import * as FileTree from "./FileTree.ts"

/** The whole tar, in chunks to `write`. Entries are named as `tar -C ROOT .` names them, without the `./`. */
export const write = <E>(
  tree: FileTree.Directory,
  write: (chunk: Uint8Array) => Effect.Effect<void, E>
): Effect.Effect<void, E> =>
  PackedTar.write(
    async (stream) => add(stream, "", tree),
    write,
    (error) => new Broken(error)
  ).pipe(Effect.catchIf((error) => error instanceof Broken, Effect.die))

/** There is nothing that could fail to be read. */
class Broken extends Error {
  constructor(cause: unknown) {
    super("a tree in memory cannot be written as a tar", { cause })
  }
}

/** The largest id that a ustar header's six octal digits hold; tar-stream writes sevens for larger ones. */
const MAX_USTAR_ID = 0o777777

const add = (stream: Pack, name: string, node: FileTree.Node): void => {
  const common: Partial<Header> & { readonly name: string } = {
    name: name === "" ? "./" : name,
    mtime: new Date(0),
    uid: node.uid,
    gid: node.gid,
    ...(node.uid > MAX_USTAR_ID || node.gid > MAX_USTAR_ID
      ? { pax: { uid: String(node.uid), gid: String(node.gid) } }
      : {})
  }
  // The bits of the type keep tar-stream from taking mode 0 for a missing one.
  switch (node._tag) {
    case "File":
      stream.entry({ ...common, type: "file", mode: 0o100000 | node.mode }, Buffer.from(node.content))
      return
    case "Link":
      stream.entry({ ...common, type: "symlink", mode: 0o777, linkname: node.target })
      return
    case "Special":
      stream.entry({ ...common, type: "fifo", mode: 0o010000 | node.mode })
      return
    case "Directory":
      stream.entry({ ...common, type: "directory", mode: 0o040000 | node.mode })
      for (const [entry, child] of FileTree.sortedEntries(node)) {
        add(stream, name === "" ? entry : `${name}/${entry}`, child)
      }
  }
}
