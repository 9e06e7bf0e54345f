/** One digest of all that a tree is: names, kinds, modes, owners, extended attributes and contents; not its times. */
import { createHash, type Hash } from "node:crypto"
import * as Fs from "node:fs"
import { type Digest, Digest as DigestSchema } from "../../domain/Digest.ts"
import { contentOf } from "./HashFile.ts"
import { getXattr, listXattr } from "./Libc.ts"

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = Fs.constants

/** Of a tree that nobody changes meanwhile. Throws Node's errors. */
export function* treeDigest(root: string): Generator<void, Digest> {
  const hash = createHash("sha256")
  const pending: Array<Entry> = [{ path: Buffer.from(root), name: Buffer.alloc(0), depth: 0 }]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { depth, name, path } = next
    const stats = Fs.lstatSync(path)
    field(hash, name)
    // Where a name stands tells whose it is: entries come in order, those of a directory one deeper than itself.
    field(hash, Buffer.from([depth, stats.mode, stats.uid, stats.gid, stats.rdev].join(" ")))
    for (const attribute of [...listXattr(path)].sort()) {
      field(hash, Buffer.from(attribute))
      field(hash, getXattr(path, attribute) ?? new Uint8Array(0))
    }
    field(hash, new Uint8Array(0))
    if (stats.isSymbolicLink()) field(hash, Fs.readlinkSync(path, { encoding: "buffer" }))
    else if (stats.isFile()) yield* content(hash, path, stats.size)
    else if (stats.isDirectory()) {
      const names = Fs.readdirSync(path, { encoding: "buffer" }).sort((a, b) => Buffer.compare(b, a))
      for (const name of names) pending.push({ path: Buffer.concat([path, SLASH, name]), name, depth: depth + 1 })
    }
    yield
  }
  return DigestSchema.make(hash.digest("hex"), { disableValidation: true })
}

interface Entry {
  readonly path: Buffer
  readonly name: Buffer
  readonly depth: number
}

const SLASH = Buffer.from("/")

/** With its length before it, so that no two lists of fields look alike. */
const field = (hash: Hash, bytes: Uint8Array): void => {
  hash.update(`${bytes.length}:`)
  hash.update(bytes)
}

function* content(hash: Hash, path: Buffer, size: number): Generator<void, void> {
  const fd = Fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  try {
    hash.update(`${size}:`)
    for (const piece of contentOf(fd)) {
      hash.update(piece)
      yield
    }
  } finally {
    Fs.closeSync(fd)
  }
}
