/**
 * Remembers files' digests, so that an unchanged file is not read again.
 *
 * A file is taken to be unchanged while its device, inode, size, modification
 * and change time are. As git's index does, it distrusts times that are too
 * young: a file changed within the clock's granularity of the moment it was
 * read may have changed after that without a trace, and is not remembered.
 *
 * In memory as on disk: records of 72 bytes, each five doubles (device, inode,
 * size, mtime and ctime in milliseconds) and the digest. On disk a header of 24
 * bytes comes first. A file that is damaged or of another version counts as
 * empty, and one of a machine with another byte order matches nothing: it only
 * costs time.
 */
import * as Fs from "node:fs"
import { type Digest, Digest as DigestSchema } from "../../domain/Digest.ts"
import { tryLock } from "./Libc.ts"
import { isAt } from "./Names.ts"

/** A multiple of 8 bytes, so that the doubles after it are aligned. */
const HEADER = Buffer.from("obuilder-hashes-v2\n".padEnd(24, "\0"))
const DIGEST_BYTES = 32
/** In doubles: a record, and what of it comes before the digest. */
const WIDTH = 9
const NUMBERS = 5
const RECORD = WIDTH * 8

/** More than any local file system's clock tick. */
const GRANULARITY_MS = 50
/** For file systems whose times are whole seconds (or two of them). */
const COARSE_MS = 2100

type Stamp = Pick<Fs.Stats, "dev" | "ino" | "size" | "mtimeMs" | "ctimeMs">

/**
 * Files are many, and most of what is known is asked for once in a process: so
 * the records stay as they were read, and none becomes an object of its own.
 */
export class HashMemo {
  /** The header, the records, and room for more. */
  private bytes: Buffer
  /** The same memory after the header. */
  private numbers: Float64Array
  private records: number
  /** Where in `numbers` an inode's record begins. */
  private readonly places = new Map<number, number>()
  private changed = false

  /**
   * With a file: starts with what it holds. Reading never fails: what cannot be
   * read is not known. The file's directory has to be one that nobody else can
   * write to, since what is in it is believed.
   */
  constructor(file?: string) {
    this.bytes = file === undefined ? empty(0) : (read(file) ?? empty(0))
    this.numbers = numbersOf(this.bytes)
    this.records = this.numbers.length / WIDTH
    for (let at = 0; at < this.numbers.length; at += WIDTH) this.places.set(this.numbers[at + 1] ?? 0, at)
  }

  /** The digest of a file with this status, if it is known. */
  recall(stats: Stamp): Digest | undefined {
    const at = this.places.get(stats.ino)
    if (at === undefined) return undefined
    const [dev, ino, size, mtimeMs, ctimeMs] = stampOf(stats)
    const { numbers } = this
    const same =
      numbers[at + 4] === ctimeMs &&
      numbers[at + 3] === mtimeMs &&
      numbers[at + 2] === size &&
      numbers[at + 1] === ino &&
      numbers[at] === dev
    if (!same) return undefined
    const start = digestAt(at)
    return DigestSchema.make(this.bytes.toString("hex", start, start + DIGEST_BYTES), { disableValidation: true })
  }

  /**
   * Remembers that the file with this status, taken from it before it was read,
   * has this digest. `now` is the time when reading began, in milliseconds.
   */
  remember(stats: Stamp, digest: Digest, now: number): void {
    if (this.recall(stats) === digest) return
    const coarse = stats.ctimeMs % 1000 === 0
    if (stats.ctimeMs + (coarse ? COARSE_MS : GRANULARITY_MS) >= now) return
    const at = this.places.get(stats.ino) ?? this.append()
    this.places.set(stats.ino, at)
    this.numbers.set(stampOf(stats), at)
    this.bytes.write(digest, digestAt(at), "hex")
    this.changed = true
  }

  /**
   * Writes what is known to a file, if there is anything new; other processes see
   * the old one or the new one. Nothing where another is saving at this moment.
   */
  save(file: string): void {
    if (!this.changed) return
    replace(file, this.bytes.subarray(0, HEADER.length + this.records * RECORD))
    this.changed = false
  }

  /** Makes room for one more record. */
  private append(): number {
    const at = this.records * WIDTH
    if (at === this.numbers.length) {
      const larger = empty(Math.max(MIN_ROOM, this.records * 2))
      this.bytes.copy(larger)
      this.bytes = larger
      this.numbers = numbersOf(larger)
    }
    this.records++
    return at
  }
}

/** Records that the first one makes room for. */
const MIN_ROOM = 64

const stampOf = ({ dev, ino, size, mtimeMs, ctimeMs }: Stamp): readonly [number, number, number, number, number] => [
  dev,
  ino,
  size,
  mtimeMs,
  ctimeMs
]

/** The byte at which the digest of the record at `at` begins. */
const digestAt = (at: number): number => HEADER.length + (at + NUMBERS) * 8

const empty = (records: number): Buffer => {
  const bytes = Buffer.alloc(HEADER.length + records * RECORD)
  HEADER.copy(bytes)
  return bytes
}

const numbersOf = (bytes: Buffer): Float64Array =>
  new Float64Array(bytes.buffer, bytes.byteOffset + HEADER.length, (bytes.length - HEADER.length) / 8)

/** What is on disk, if that is whole. In memory of its own: a part of Node's shared buffer need not be aligned. */
const read = (file: string): Buffer | undefined => {
  let data: Buffer
  try {
    // A FIFO would be waited for.
    const fd = Fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    try {
      if (!Fs.fstatSync(fd).isFile()) return undefined
      data = Fs.readFileSync(fd)
    } finally {
      Fs.closeSync(fd)
    }
  } catch {
    return undefined
  }
  const size = data.length - HEADER.length
  if (size < 0 || size % RECORD !== 0 || !data.subarray(0, HEADER.length).equals(HEADER)) return undefined
  const own = Buffer.alloc(data.length)
  data.copy(own)
  return own
}

const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = Fs.constants

/** Writes beside the file first. What a process that was killed half-way left there, the next one to save takes over. */
const replace = (file: string, data: Uint8Array): void => {
  const temporary = `${file}.new`
  const fd = Fs.openSync(temporary, O_WRONLY | O_CREAT | O_NOFOLLOW, 0o600)
  try {
    if (!tryLock(fd) || !isAt(fd, temporary)) return
    try {
      Fs.ftruncateSync(fd)
      Fs.writeFileSync(fd, data)
      Fs.renameSync(temporary, file)
    } catch (error) {
      Fs.rmSync(temporary, { force: true })
      throw error
    }
  } finally {
    Fs.closeSync(fd)
  }
}
