/** Bytes that wait to be shown, in memory up to a bound and in an unnamed temporary file beyond it. */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import * as Path from "node:path"

const IN_MEMORY = 1024 * 1024
const PIECE = 65536

export class HeldBack {
  private pieces: Array<Uint8Array> = []
  private size = 0
  private file: number | undefined
  private written = 0

  /** Throws a system error where the temporary file cannot be written. */
  add(bytes: Uint8Array): void {
    this.pieces.push(bytes)
    this.size += bytes.length
    if (this.size > IN_MEMORY) this.spill()
  }

  /** Hands over everything, in order. */
  forEach<E>(show: (bytes: Uint8Array) => Effect.Effect<void, E>): Effect.Effect<void, E> {
    return Effect.gen(this, function* () {
      for (let at = 0; at < this.written;) {
        const piece = this.readSpilled(at)
        at += piece.length
        yield* show(piece)
      }
      for (const piece of this.pieces) yield* show(piece)
    })
  }

  close(): void {
    if (this.file !== undefined) Fs.closeSync(this.file)
    this.file = undefined
    this.written = 0
    this.pieces = []
    this.size = 0
  }

  private readSpilled(at: number): Uint8Array {
    if (this.file === undefined) return new Uint8Array()
    const buffer = Buffer.allocUnsafe(PIECE)
    return buffer.subarray(0, Fs.readSync(this.file, buffer, 0, PIECE, at))
  }

  private spill(): void {
    this.file ??= unnamedFile()
    for (const piece of this.pieces) {
      for (let done = 0; done < piece.length;) {
        const count = Fs.writeSync(this.file, piece, done, piece.length - done, this.written)
        done += count
        this.written += count
      }
    }
    this.pieces = []
    this.size = 0
  }
}

/** Open, and already without a name, so that nothing is left however the process ends. */
const unnamedFile = (): number => {
  const directory = Fs.mkdtempSync(Path.join(tmpdir(), "obuilder-"))
  const path = Path.join(directory, "log")
  try {
    return Fs.openSync(path, "wx+", 0o600)
  } finally {
    Fs.rmSync(directory, { recursive: true, force: true })
  }
}
