/**
 * What a container writes, as an engine sends it: frames of a byte for the
 * stream, three of nothing, four for the length, and the data.
 */
import type { ByteSource } from "../base/ByteSource.ts"

const HEADER = 8
const STDERR = 2

export interface Piece {
  readonly isError: boolean
  readonly data: Uint8Array
}

/** The data of both streams, as it comes. */
export async function* read(body: ByteSource): AsyncGenerator<Uint8Array, undefined> {
  for await (const { data } of pieces(body)) yield data
}

/** The same, with which of them it comes from. */
export async function* pieces(body: ByteSource): AsyncGenerator<Piece, undefined> {
  let isError = false
  let header = Buffer.alloc(0)
  let left = 0
  for await (const chunk of body) {
    for (let at = 0; at < chunk.length;) {
      if (left === 0) {
        const more = chunk.subarray(at, at + HEADER - header.length)
        header = Buffer.concat([header, more])
        at += more.length
        if (header.length < HEADER) break
        isError = header[0] === STDERR
        left = header.readUInt32BE(4)
        header = Buffer.alloc(0)
        continue
      }
      const data = chunk.subarray(at, at + left)
      at += data.length
      left -= data.length
      yield { isError, data }
    }
  }
}
