/**
 * Remembers files' digests, so that an unchanged file is not read again.
 *
 * A file is taken to be unchanged while its device, inode, size, modification
 * and change time are. As git's index does, it distrusts times that are too
 * young: a file changed within the clock's granularity of the moment it was
 * read may have changed after that without a trace, and is not remembered.
 *
 * On disk: a header line, then records of 72 bytes: five little-endian doubles
 * (device, inode, size, mtime and ctime in milliseconds) and the digest. A file
 * that is damaged, or of another version, counts as empty: it only costs time.
 */
import * as Fs from "node:fs"
import { type Digest, Digest as DigestSchema } from "../../domain/Digest.ts"

const HEADER = Buffer.from("obuilder-hashes-v1\n")
const NUMBERS = 5
const DIGEST_BYTES = 32
const RECORD = NUMBERS * 8 + DIGEST_BYTES

/** More than any local file system's clock tick. */
const GRANULARITY_MS = 50
/** For file systems whose times are whole seconds (or two of them). */
const COARSE_MS = 2100

type Stamp = Pick<Fs.Stats, "dev" | "ino" | "size" | "mtimeMs" | "ctimeMs">

interface Known extends Stamp {
  readonly digest: Digest
}

/** Two looks at a file found the same one, as far as its status can tell. */
export const sameStamp = (a: Stamp, b: Stamp): boolean =>
  a.ino === b.ino && a.ctimeMs === b.ctimeMs && a.mtimeMs === b.mtimeMs && a.size === b.size && a.dev === b.dev

export class HashMemo {
  private readonly known = new Map<number, Known>()
  private readonly file: string | undefined
  private changed = false

  /** With a file: starts with what it holds. Reading never fails: what cannot be read is not known. */
  constructor(file?: string) {
    this.file = file
    if (file !== undefined) this.load(file)
  }

  /** The digest of a file with this status, if it is known. */
  recall(stats: Stamp): Digest | undefined {
    const known = this.known.get(stats.ino)
    return known !== undefined && sameStamp(known, stats) ? known.digest : undefined
  }

  /**
   * Remembers that the file with this status, taken from it before it was read,
   * has this digest. `now` is the time when reading began, in milliseconds.
   */
  remember(stats: Stamp, digest: Digest, now: number): void {
    if (this.recall(stats) === digest) return
    const coarse = stats.ctimeMs % 1000 === 0
    if (stats.ctimeMs + (coarse ? COARSE_MS : GRANULARITY_MS) >= now) return
    const { dev, ino, size, mtimeMs, ctimeMs } = stats
    this.known.set(ino, { dev, ino, size, mtimeMs, ctimeMs, digest })
    this.changed = true
  }

  /** Writes what is known, if there is anything new; other processes see the old file or the new one. */
  save(): void {
    if (this.file === undefined || !this.changed) return
    const data = Buffer.alloc(HEADER.length + this.known.size * RECORD)
    let at = HEADER.copy(data)
    for (const { dev, ino, size, mtimeMs, ctimeMs, digest } of this.known.values()) {
      for (const number of [dev, ino, size, mtimeMs, ctimeMs]) at = data.writeDoubleLE(number, at)
      at += data.write(digest, at, DIGEST_BYTES, "hex")
    }
    const temporary = `${this.file}.${process.pid}`
    try {
      Fs.writeFileSync(temporary, data, { mode: 0o600 })
      Fs.renameSync(temporary, this.file)
    } catch (error) {
      Fs.rmSync(temporary, { force: true })
      throw error
    }
    this.changed = false
  }

  private load(file: string): void {
    let data: Buffer
    try {
      data = Fs.readFileSync(file)
    } catch {
      return
    }
    const size = data.length - HEADER.length
    if (size < 0 || size % RECORD !== 0 || !data.subarray(0, HEADER.length).equals(HEADER)) return
    for (let at = HEADER.length; at < data.length; at += RECORD) {
      const ino = data.readDoubleLE(at + 8)
      this.known.set(ino, {
        dev: data.readDoubleLE(at),
        ino,
        size: data.readDoubleLE(at + 16),
        mtimeMs: data.readDoubleLE(at + 24),
        ctimeMs: data.readDoubleLE(at + 32),
        digest: DigestSchema.make(data.toString("hex", at + NUMBERS * 8, at + RECORD), { disableValidation: true })
      })
    }
  }
}
