/** Strict UTF-8, as The Unicode Standard's table 3-7 has it: no overlong forms, no surrogates. */
import * as Either from "effect/Either"

// A byte order mark is kept: whoever reads the text says what to think of it.
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const lossy = new TextDecoder("utf-8", { ignoreBOM: true })

/** The text of some bytes; on the left the offset of the first byte that no character has there. */
export const decode = (bytes: Uint8Array): Either.Either<string, number> => {
  try {
    return Either.right(strict.decode(bytes))
  } catch {
    return Either.left(firstInvalid(bytes))
  }
}

/** The text of some bytes, with U+FFFD where they are not UTF-8. */
export const decodeLossy = (bytes: Uint8Array): string => lossy.decode(bytes)

/** By lead byte: how many bytes follow, and the bounds of the first of them. */
const sequence = (lead: number): readonly [following: number, low: number, high: number] | undefined => {
  if (lead < 0x80) return [0, 0, 0]
  if (lead < 0xc2) return undefined
  if (lead < 0xe0) return [1, 0x80, 0xbf]
  if (lead < 0xf0) return [2, lead === 0xe0 ? 0xa0 : 0x80, lead === 0xed ? 0x9f : 0xbf]
  if (lead < 0xf5) return [3, lead === 0xf0 ? 0x90 : 0x80, lead === 0xf4 ? 0x8f : 0xbf]
  return undefined
}

/** The offset of the lead byte of the first sequence that is not UTF-8. */
const firstInvalid = (bytes: Uint8Array): number => {
  let at = 0
  while (at < bytes.length) {
    const lead = bytes[at] ?? 0
    if (lead < 0x80) {
      at++
      continue
    }
    const form = sequence(lead)
    if (form === undefined) return at
    const [following, low, high] = form
    for (let next = 1; next <= following; next++) {
      const byte = bytes[at + next] ?? 0
      if (byte < (next === 1 ? low : 0x80) || byte > (next === 1 ? high : 0xbf)) return at
    }
    at += following + 1
  }
  return at
}

/** Whether a text can be written as UTF-8: it has no half of a character. */
export const isEncodable = (text: string): boolean => !/\p{Cs}/u.test(text)
