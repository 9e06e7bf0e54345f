/** Bytes of local files, in chunks, read one after another and never all at once. */
import { createHash } from "node:crypto"
import { constants, readSync } from "node:fs"
import * as Fs from "node:fs/promises"
import { setImmediate } from "node:timers/promises"
import { isSystemError, problem } from "./ImageProblem.ts"

/** Chunks of any size, each in memory of its own. */
export type ByteSource = AsyncIterable<Buffer>

const CHUNK = 256 * 1024

/** Where a source begins in its file, and how long it is. */
export interface Extent {
  readonly offset: number
  readonly size: number
}

/** Opens a regular file to read; anything else (a directory, a FIFO that would block) is a problem. */
export const open = async (path: string): Promise<Fs.FileHandle> => {
  const handle = await Fs.open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: unknown) => {
    throw isSystemError(cause) && cause.code === "ENOENT"
      ? problem(`there is no file ${path}`, undefined, cause)
      : cause
  })
  const stats = await handle.stat()
  if (!stats.isFile()) {
    await handle.close()
    throw problem(`${path} is not a regular file`)
  }
  return handle
}

/** A file, or a part of it. The file is open only while it is being read. */
export async function* read(path: string, extent?: Extent): ByteSource {
  const handle = await open(path)
  try {
    let at = extent?.offset ?? 0
    let left = extent?.size ?? Number.POSITIVE_INFINITY
    while (left > 0) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK, left))
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, at)
      if (bytesRead === 0) {
        if (extent === undefined) return
        throw problem(`${path} ends before what it should hold`, "make or copy it again")
      }
      at += bytesRead
      left -= bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await handle.close()
  }
}

/** Bytes after which others have their turn. */
const TURN = 4 * 1024 * 1024

/** Of a file that is open, and stays so, from a byte on, to another one or as far as there are any. */
export async function* within(fd: number, from: number, to = Number.POSITIVE_INFINITY): ByteSource {
  let sinceTurn = TURN
  for (let at = from; at < to;) {
    if (sinceTurn >= TURN) {
      await setImmediate()
      sinceTurn = 0
    }
    const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK, to - at))
    const bytesRead = readSync(fd, buffer, 0, buffer.length, at)
    if (bytesRead === 0) return
    at += bytesRead
    sinceTurn += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

/**
 * The same bytes, failing at their end where they do not have the digest (64
 * hexadecimal digits of SHA-256) or, where it is known, the size.
 */
export async function* verified(
  source: ByteSource,
  expected: { readonly digest: string; readonly size?: number },
  what: string
): ByteSource {
  const hash = createHash("sha256")
  let size = 0
  for await (const chunk of source) {
    hash.update(chunk)
    size += chunk.length
    if (expected.size !== undefined && size > expected.size) break
    yield chunk
  }
  if (expected.size !== undefined && size !== expected.size) {
    throw problem(
      `${what} does not have the ${expected.size} bytes that it should have`,
      "make or copy the image again"
    )
  }
  const digest = hash.digest("hex")
  if (digest !== expected.digest) {
    throw problem(
      `${what} has the digest sha256:${digest}, not sha256:${expected.digest}`,
      "it is damaged or was changed: make or copy it again"
    )
  }
}

/** The whole of a short source, which fails where it is longer than `limit` bytes. */
export const collect = async (source: ByteSource, limit: number, what: string): Promise<Buffer> => {
  const chunks: Array<Buffer> = []
  let size = 0
  for await (const chunk of source) {
    size += chunk.length
    if (size > limit) throw problem(`${what} is larger than ${limit} bytes, which it has no reason to be`)
    chunks.push(Buffer.from(chunk))
  }
  return Buffer.concat(chunks)
}

/** The digest of all of a source's bytes. */
export const digestOf = async (source: ByteSource): Promise<string> => {
  const hash = createHash("sha256")
  for await (const chunk of source) hash.update(chunk)
  return hash.digest("hex")
}
