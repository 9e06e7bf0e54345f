/** The digest of an open file's content, read with one buffer. */
import { createHash, hash } from "node:crypto"
import * as Fs from "node:fs"
import { type Digest, Digest as DigestSchema } from "../../domain/Digest.ts"

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

/** Hashes from the current position to the end; yields between pieces of large files. */
export function* hashFile(fd: number): Generator<void, Digest, void> {
  const first = Fs.readSync(fd, shared, 0, CHUNK, null)
  if (first < CHUNK) {
    // One call of OpenSSL where the whole file is at hand; a short read ends the loop below only at 0.
    const rest = first === 0 ? 0 : Fs.readSync(fd, shared, first, CHUNK - first, null)
    if (rest === 0) return asDigest(hash("sha256", shared.subarray(0, first), "hex"))
    return yield* hashOn(fd, first + rest)
  }
  return yield* hashOn(fd, first)
}

function* hashOn(fd: number, filled: number): Generator<void, Digest, void> {
  const hasher = createHash("sha256").update(shared.subarray(0, filled))
  for (const piece of contentOf(fd)) {
    hasher.update(piece)
    yield
  }
  return asDigest(hasher.digest("hex"))
}

const asDigest = (hex: string): Digest => DigestSchema.make(hex, { disableValidation: true })
