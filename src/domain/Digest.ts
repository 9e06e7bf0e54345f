/** SHA-256 digests, as 64 lower-case hexadecimal digits. */
import { sha256 as portable } from "@noble/hashes/sha2"
import { bytesToHex } from "@noble/hashes/utils"
import * as Schema from "effect/Schema"
import { hash } from "node:crypto"

export const Digest = Schema.String.pipe(
  Schema.pattern(/^[0-9a-f]{64}$/, { message: () => "a SHA-256 digest: 64 lower-case hexadecimal digits" }),
  Schema.brand("Digest")
)
export type Digest = typeof Digest.Type

/**
 * OpenSSL is the faster one, but it takes several milliseconds to load: a short
 * command, which hashes no more than so many bytes, does without it.
 */
let withoutOpenSsl = 8_192

/** The digest of some bytes, or of a text's UTF-8 form. Pure. */
export const sha256 = (data: string | Uint8Array): Digest => {
  withoutOpenSsl -= data.length
  const hex = withoutOpenSsl > 0 ? bytesToHex(portable(data)) : hash("sha256", data, "hex")
  return Digest.make(hex, { disableValidation: true })
}

/**
 * The name of a step: the digest of everything that can change its result.
 * A planned id is known before anything runs, a realised one names what the
 * store holds; they differ only after a copy from a nested build.
 */
export const StepId = Digest.pipe(Schema.brand("StepId"))
export type StepId = typeof StepId.Type

export const stepId = (digest: Digest): StepId => StepId.make(digest, { disableValidation: true })
