/** Blobs that are on their way into the cache, a few at a time, and can be read while they arrive. */
import * as Fs from "node:fs"
import * as ByteSource from "../base/ByteSource.ts"
import { problem } from "../base/ImageProblem.ts"
import type { Blob, Place } from "./Blob.ts"
import type { BlobCache } from "./BlobCache.ts"

/** So many at a time. */
const AT_ONCE = 3

interface Download {
  /** Bytes that have come. */
  written: number
  /** Bytes of them that may be read before all of it is there. */
  readable: number
  state: "Waiting" | "Ended" | { readonly failure: unknown }
  readonly changed: Set<() => void>
}

export class Downloads {
  private readonly cache: BlobCache
  private readonly signal: AbortSignal
  private readonly downloads = new Map<string, Download>()
  /** Those that are there, open: somebody may be making room. */
  private readonly opened = new Map<string, number>()
  private readonly queue: Array<() => Promise<void>> = []
  private readonly running = new Set<Promise<void>>()
  private readonly grown: (written: number) => void

  /** They end early when the signal is aborted. `grown` is told the bytes of all of them that have come. */
  constructor(cache: BlobCache, signal: AbortSignal, grown: (written: number) => void) {
    this.cache = cache
    this.signal = signal
    this.grown = grown
  }

  /**
   * Fetches a blob from the first place that has it, when it is its turn, unless
   * it is there or on its way: then this is false.
   */
  start(blob: Blob, places: ReadonlyArray<Place>): boolean {
    if (this.downloads.has(blob.hex) || this.opened.has(blob.hex)) return false
    const fd = this.cache.use(blob)
    if (fd !== undefined) {
      this.opened.set(blob.hex, fd)
      return false
    }
    const download: Download = { written: 0, readable: 0, state: "Waiting", changed: new Set() }
    this.downloads.set(blob.hex, download)
    this.queue.push(async () => {
      try {
        const fd = await this.cache.fetch(blob, places, this.signal, (written, readable) => {
          download.written = written
          download.readable = readable
          this.grown([...this.downloads.values()].reduce((sum, one) => sum + one.written, 0))
          wake(download)
        })
        this.opened.set(blob.hex, fd)
        download.state = "Ended"
      } catch (failure) {
        download.state = { failure }
      }
      wake(download)
    })
    this.next()
    return true
  }

  /**
   * A blob from its beginning, as far as it has come; its end is read when all of
   * it has been verified. While another place would be asked for what turns out
   * wrong, nothing is read: what was made of it could not be taken back.
   */
  async *read(blob: Blob, signal: AbortSignal): ByteSource.ByteSource {
    const download = this.downloads.get(blob.hex)
    let fd: number | undefined
    try {
      for (let at = 0; ;) {
        const opened = this.opened.get(blob.hex)
        // It was there, somebody else has fetched it, or it came before this was read.
        if (opened !== undefined && fd === undefined) return yield* this.cache.read(blob, opened)
        if (download === undefined) throw problem(`${blob.name} was not asked for`)
        if (typeof download.state === "object") throw download.state.failure
        const { readable } = download
        if (at < readable) {
          fd ??= this.cache.open(blob)
          for await (const chunk of ByteSource.within(fd, at, readable)) {
            at += chunk.length
            yield chunk
          }
          if (at < readable) throw problem(`${blob.name} has lost a part of what was fetched`, "try again")
        } else if (download.state === "Ended") return
        else await change(download, signal)
      }
    } finally {
      if (fd !== undefined) Fs.closeSync(fd)
    }
  }

  /** When nothing is on its way any more; nothing is to be read after that. */
  async settled(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running)
    for (const fd of this.opened.values()) Fs.closeSync(fd)
    this.opened.clear()
  }

  private next(): void {
    if (this.running.size >= AT_ONCE) return
    const work = this.queue.shift()
    if (work === undefined) return
    const running = work().finally(() => {
      this.running.delete(running)
      this.next()
    })
    this.running.add(running)
  }
}

const wake = ({ changed }: Download): void => {
  for (const one of [...changed]) one()
}

/** Throws what the signal is aborted with. */
const change = ({ changed }: Download, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const end = (): void => {
      changed.delete(end)
      signal.removeEventListener("abort", end)
      if (signal.aborted) reject(signal.reason)
      else resolve()
    }
    changed.add(end)
    signal.addEventListener("abort", end)
    if (signal.aborted) end()
  })
