/** Reads a tar that arrives in chunks of any size, keeping no more of it than one header. */
import { problem } from "./ImageProblem.ts"
import { BLOCK, quote, type TarEntry, TarHeaders } from "./TarHeaders.ts"

/** Called in the order of the archive; `data` and `end` follow the `entry` that they belong to. */
export interface TarVisitor {
  readonly entry: (entry: TarEntry) => void
  /** Some of a file's data, valid during the call. */
  readonly data: (chunk: Uint8Array) => void
  /** The entry is complete. */
  readonly end: () => void
}

/** Synchronous; every method throws an `ImageProblem` where the archive is damaged. */
export class TarReader {
  readonly #visitor: TarVisitor
  readonly #headers = new TarHeaders()
  /** A header block, or the data of a header, of which only a part has come. */
  #partial: Buffer = Buffer.alloc(BLOCK)
  #filled = 0
  #state: "header" | "extension" | "body" | "padding" | "done" = "header"
  /** Bytes left of the body or the padding. */
  #left = 0
  #padding = 0
  #path = ""
  #zeros = 0
  #position = 0

  constructor(visitor: TarVisitor) {
    this.#visitor = visitor
  }

  /** How many bytes of the archive have been read; inside `entry`, where the entry's data begins. */
  get position(): number {
    return this.#position
  }

  /** Whether the archive has ended by itself. */
  get isDone(): boolean {
    return this.#state === "done"
  }

  /**
   * Passes over what is left of the entry's data without seeing it, for an
   * archive that can be read at any place. Returns how many bytes that is.
   */
  skip(): number {
    if (this.#state !== "body" && this.#state !== "padding") return 0
    const skipped = this.#left + this.#padding
    if (this.#state === "body") this.#visitor.end()
    this.#position += skipped
    this.#left = this.#padding = 0
    this.#state = "header"
    return skipped
  }

  write(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      switch (this.#state) {
        case "done":
          return
        case "body":
        case "padding": {
          const taken = Math.min(this.#left, chunk.length - at)
          if (this.#state === "body") this.#visitor.data(chunk.subarray(at, at + taken))
          this.#left -= taken
          at += taken
          this.#position += taken
          if (this.#left === 0) this.#finished()
          break
        }
        case "header":
        case "extension": {
          const whole = this.#filled === 0 && chunk.length - at >= this.#partial.length
          const taken = Math.min(this.#partial.length - this.#filled, chunk.length - at)
          if (!whole) chunk.copy(this.#partial, this.#filled, at, at + taken)
          this.#filled += taken
          this.#position += taken
          if (this.#filled === this.#partial.length) {
            const complete = whole ? chunk.subarray(at, at + taken) : this.#partial
            this.#filled = 0
            if (this.#state === "header") this.#header(complete)
            else this.#extension(complete)
          }
          at += taken
          break
        }
      }
    }
  }

  /** No more comes. An archive may lack its two closing blocks of zeros, but nothing else. */
  end(): void {
    if (this.#state === "body" || this.#state === "padding") {
      throw problem(`the tar ends in the middle of ${quote(this.#path)}`, "make or copy the archive again")
    }
    if (this.#state === "extension" || this.#filled > 0) {
      throw problem("the tar ends in the middle of a header", "make or copy the archive again")
    }
  }

  #header(block: Buffer): void {
    const found = this.#headers.block(block)
    if (found._tag === "Zero") {
      if (++this.#zeros === 2) this.#state = "done"
      return
    }
    this.#zeros = 0
    const size = found._tag === "Extension" ? found.size : found.entry.size
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK
    if (found._tag === "Extension") {
      if (size === 0) return this.#headers.extension(Buffer.alloc(0))
      this.#partial = Buffer.alloc(size)
      this.#state = "extension"
      return
    }
    this.#path = found.entry.path
    this.#visitor.entry(found.entry)
    this.#left = size
    this.#state = "body"
    if (size === 0) this.#finished()
  }

  #extension(data: Buffer): void {
    this.#headers.extension(data)
    this.#partial = Buffer.alloc(BLOCK)
    this.#left = this.#padding
    this.#state = this.#padding > 0 ? "padding" : "header"
    // The padding of a header belongs to no entry.
    this.#path = "a header"
    this.#padding = 0
  }

  #finished(): void {
    if (this.#state === "body") {
      this.#visitor.end()
      this.#left = this.#padding
      this.#state = this.#padding > 0 ? "padding" : "header"
      this.#padding = 0
    } else {
      this.#state = "header"
    }
  }
}
