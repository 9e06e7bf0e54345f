/** The digests of files' contents, read with one buffer. */
import { createHash, hash } from "node:crypto"
import * as Fs from "node:fs"
import { type Digest, Digest as DigestSchema } from "../../domain/Digest.ts"
import type { HashMemo } from "./HashMemo.ts"

/** Bytes read at a time; a file that fits is hashed in one go. */
export const CHUNK = 1 << 20

/** Only one generator uses it between two yields: see `contentOf`. */
const shared = Buffer.allocUnsafeSlow(CHUNK)

/**
 * Gives a file's content piece by piece. A piece is valid until the next one is
 * asked for: whoever yields to others in between must have used it.
 */
export function* contentOf(fd: number): Generator<Uint8Array, void, void> {
  for (;;) {
    const size = Fs.readSync(fd, shared, 0, CHUNK, null)
    if (size === 0) return
    yield shared.subarray(0, size)
  }
}

/** Something else is there than a regular file. */
export class NotAFile extends Error {
  constructor(path: string) {
    super(`${path} is no longer a regular file`)
  }
}

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = Fs.constants

/**
 * The digest of the regular file at `path`, and the status that it had when it
 * was opened; remembered where there is a memo. A link in its place is an
 * error of Node's, anything else `NotAFile`.
 */
export function* digestOf(
  path: string,
  memo: HashMemo | undefined
): Generator<void, { readonly digest: Digest; readonly stats: Fs.Stats }, void> {
  const began = Date.now()
  // Without O_NONBLOCK a FIFO that takes the file's place would be waited for.
  const fd = Fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  try {
    const stats = Fs.fstatSync(fd)
    if (!stats.isFile()) throw new NotAFile(path)
    const digest = memo?.recall(stats) ?? (yield* hashFile(fd, stats.size))
    memo?.remember(stats, digest, began)
    return { digest, stats }
  } finally {
    Fs.closeSync(fd)
  }
}

/** Hashes from the beginning, where the file's position is, to the end; yields between pieces of large files. */
function* hashFile(fd: number, size: number): Generator<void, Digest, void> {
  const filled = Fs.readSync(fd, shared, 0, CHUNK, null)
  // One call of OpenSSL where the whole file is at hand.
  if (filled === size) return asDigest(hash("sha256", shared.subarray(0, filled), "hex"))
  const hasher = createHash("sha256").update(shared.subarray(0, filled))
  for (const piece of contentOf(fd)) {
    hasher.update(piece)
    yield
  }
  return asDigest(hasher.digest("hex"))
}

const asDigest = (hex: string): Digest => DigestSchema.make(hex, { disableValidation: true })
