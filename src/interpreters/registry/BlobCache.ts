/**
 * Layers of images by their digests, kept between builds and shared by processes: a
 * directory with `sha256/HEX` for each one that is whole, and `partial/HEX` for
 * those that somebody fetches, or has begun to.
 *
 * What is whole was verified when it came. It is verified again whenever it is
 * read, since the machine may have gone down before it reached the disk.
 */
import * as Fs from "node:fs"
import { setTimeout } from "node:timers/promises"
import * as ByteSource from "../base/ByteSource.ts"
import { ImageProblem, problem } from "../base/ImageProblem.ts"
import { codeOf } from "../host/IoError.ts"
import { tryLock } from "../host/Libc.ts"
import { isAt } from "../host/Names.ts"
import type { Blob, Place } from "./Blob.ts"
import { fill, type Grown } from "./BlobFile.ts"

const { O_CREAT, O_NOFOLLOW, O_RDONLY, O_RDWR } = Fs.constants

/** Milliseconds between two looks at a blob that another process fetches. */
const LOOK_MS = 100

export class BlobCache {
  private readonly directory: string

  /** Made when something is first kept. */
  constructor(directory: string) {
    this.directory = directory
  }

  private has({ hex, size }: Blob): boolean {
    const stats = Fs.lstatSync(this.path(hex), { throwIfNoEntry: false })
    return stats?.isFile() === true && stats.size === size
  }

  /** Opens one that is there, which counts as a use of it; `undefined` where it is not. */
  use(blob: Blob): number | undefined {
    if (!this.has(blob)) return undefined
    try {
      const fd = Fs.openSync(this.path(blob.hex), O_RDONLY | O_NOFOLLOW)
      const now = new Date()
      Fs.futimesSync(fd, now, now)
      return fd
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined
      throw error
    }
  }

  /** Reads one that is open, and verifies it at its end; one that is damaged is dropped. */
  async *read(blob: Blob, fd: number): ByteSource.ByteSource {
    try {
      yield* ByteSource.verified(ByteSource.within(fd, 0), { digest: blob.hex, size: blob.size }, blob.name)
    } catch (error) {
      if (!(error instanceof ImageProblem)) throw error
      this.drop(blob.hex)
      throw problem(error.message, "it was damaged in the store; the next build fetches it again", error)
    }
  }

  /**
   * Fetches one that is not there, from the first of some places that has it,
   * going on where somebody has left off. Only one process fetches a blob;
   * others wait for it. Gives it open, so that who makes room does not take it
   * away.
   */
  async fetch(blob: Blob, places: ReadonlyArray<Place>, signal: AbortSignal, grown: Grown): Promise<number> {
    this.make()
    const path = `${this.directory}/partial/${blob.hex}`
    for (;;) {
      const fd = await this.claim(blob, path, signal)
      const opened = fd ?? this.use(blob)
      // Somebody made room between the two.
      if (opened === undefined) continue
      if (fd === undefined) return opened
      try {
        const wrong = await fill(fd, blob, places, signal, grown)
        if (wrong !== undefined) {
          Fs.rmSync(path, { force: true })
          throw wrong
        }
        Fs.renameSync(path, this.path(blob.hex))
        return fd
      } catch (error) {
        Fs.closeSync(fd)
        throw error
      }
    }
  }

  /** Takes the right to fetch it, with a file to write to; `undefined` once it is there. */
  private async claim(blob: Blob, path: string, signal: AbortSignal): Promise<number | undefined> {
    for (;;) {
      signal.throwIfAborted()
      if (this.has(blob)) return undefined
      const fd = Fs.openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
      // The one who had it may have moved it to where it belongs.
      if (tryLock(fd) && isAt(fd, path)) {
        if (!this.has(blob)) return fd
        // Before it is anybody else's.
        Fs.rmSync(path, { force: true })
        Fs.closeSync(fd)
        return undefined
      }
      Fs.closeSync(fd)
      await setTimeout(LOOK_MS, undefined, { signal })
    }
  }

  /** Opens one that is being fetched, to read what there is of it. */
  open({ hex }: Blob): number {
    try {
      return Fs.openSync(`${this.directory}/partial/${hex}`, "r")
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error
      return Fs.openSync(this.path(hex), "r")
    }
  }

  private drop(hex: string): void {
    Fs.rmSync(this.path(hex), { force: true })
  }

  private path(hex: string): string {
    return `${this.directory}/sha256/${hex}`
  }

  private make(): void {
    for (const name of ["sha256", "partial"])
      Fs.mkdirSync(`${this.directory}/${name}`, { recursive: true, mode: 0o700 })
  }
}
