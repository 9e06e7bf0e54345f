/** A blob of a registry, before it is here. */
import type { ByteSource } from "../base/ByteSource.ts"

/** What a blob is known by, from a manifest. */
export interface Blob {
  /** 64 hexadecimal digits of SHA-256. */
  readonly hex: string
  /** Bytes. */
  readonly size: number
  /** For messages. */
  readonly name: string
}

/** Somewhere a blob may be had: gives its bytes from one on, or throws an `ImageProblem`. */
export type Place = (from: number) => ByteSource
