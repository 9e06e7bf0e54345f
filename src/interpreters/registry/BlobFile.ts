/**
 * A blob's file while it is filled, from one place after another until it has
 * the digest that it should have.
 *
 * Where a place ends half-way the next one goes on. That bytes are wrong shows
 * at the end only: all of them are dropped then, and fetched from the beginning.
 */
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import * as ByteSource from "../base/ByteSource.ts"
import { ImageProblem, problem } from "../base/ImageProblem.ts"
import { writeAll } from "../host/WriteAll.ts"
import type { Blob, Place } from "./Blob.ts"

/**
 * Is told how many bytes there are, and how many of them may be read: those that
 * stay, since nothing else would be tried if they are wrong.
 */
export type Grown = (written: number, readable: number) => void

/**
 * Goes on with what is in an open file. Gives what is wrong with what is there in
 * the end, if it is not the blob; throws where it is not all there.
 */
export const fill = async (
  fd: number,
  blob: Blob,
  places: ReadonlyArray<Place>,
  signal: AbortSignal,
  grown: Grown
): Promise<ImageProblem | undefined> => {
  const file = new BlobFile(fd, blob, signal)
  await file.hashWhatIsThere()
  let failure = problem(`there is nowhere to look for ${blob.name}`)
  for (const [index, place] of places.entries()) {
    const isLast = index === places.length - 1
    try {
      if (file.length > 0) {
        if ((await file.complete(place, (written) => grown(written, 0))) === undefined) return undefined
        // Which need not be this place's fault.
        file.empty()
      }
      const wrong = await file.complete(place, (written) => grown(written, isLast ? written : 0))
      // At the end it stays for who is reading it.
      if (wrong === undefined || isLast) return wrong
      file.empty()
      failure = wrong
    } catch (error) {
      if (signal.aborted || !(error instanceof ImageProblem)) throw error
      failure = error
    }
  }
  throw failure
}

class BlobFile {
  length = 0
  private hash = createHash("sha256")
  private readonly fd: number
  private readonly blob: Blob
  private readonly signal: AbortSignal

  constructor(fd: number, blob: Blob, signal: AbortSignal) {
    this.fd = fd
    this.blob = blob
    this.signal = signal
  }

  /** More than it should have is cut off. */
  async hashWhatIsThere(): Promise<void> {
    for await (const chunk of ByteSource.within(this.fd, 0, this.blob.size)) {
      this.signal.throwIfAborted()
      this.count(chunk)
    }
    Fs.ftruncateSync(this.fd, this.length)
  }

  /** Fetches what is missing. Gives what is wrong with the whole, if something is. */
  async complete(place: Place, grown: (written: number) => void): Promise<ImageProblem | undefined> {
    grown(this.length)
    const wrong = (await this.append(place, grown)) ?? this.difference()
    return wrong === undefined
      ? undefined
      : problem(wrong, "the registry, or something on the way to it, is broken or does not tell the truth")
  }

  empty(): void {
    Fs.ftruncateSync(this.fd, 0)
    this.length = 0
    this.hash = createHash("sha256")
  }

  private async append(place: Place, grown: (written: number) => void): Promise<string | undefined> {
    const { name, size } = this.blob
    if (this.length < size) {
      for await (const chunk of place(this.length)) {
        this.signal.throwIfAborted()
        if (this.length + chunk.length > size) return `${name} is longer than the ${size} bytes that its manifest says`
        writeAll(this.fd, chunk, this.length)
        this.count(chunk)
        grown(this.length)
      }
    }
    if (this.length < size) throw problem(`${name} ends after ${this.length} of ${size} bytes`, "try again")
    return undefined
  }

  private difference(): string | undefined {
    const { hex, name } = this.blob
    const digest = this.hash.digest("hex")
    return digest === hex ? undefined : `${name} has the digest sha256:${digest}, not sha256:${hex}`
  }

  private count(chunk: Buffer): void {
    this.hash.update(chunk)
    this.length += chunk.length
  }
}
