/**
 * Quoted atoms, with the escapes that Sexplib reads (parsexp's automaton, which
 * `Sexp.load_sexp` uses): `\n \t \b \r \\ \" \'`, a byte as `\ddd` (decimal) or
 * `\xhh`, and an escaped line end, which goes with the blanks after it. Any
 * other escaped character stands for itself with its backslash.
 *
 * Escapes make bytes; the atom is the UTF-8 text that all its bytes form.
 */
import * as Either from "effect/Either"
import { IntVector } from "./IntVector.ts"
import * as Problem from "./Problem.ts"
import * as Utf8 from "./Utf8.ts"

const quote = 0x22
const backslash = 0x5c
const lineFeed = 0x0a
const carriageReturn = 0x0d

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

/** The value of a hexadecimal digit; -1 for anything else. */
const hexadecimal = (code: number): number => {
  if (isDigit(code)) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1
}

/** What `\c` stands for, by the code of `c`. */
const simple: ReadonlyMap<number, number> = new Map([
  [0x6e, lineFeed],
  [0x74, 0x09],
  [0x62, 0x08],
  [0x72, carriageReturn],
  [backslash, backslash],
  [quote, quote],
  [0x27, 0x27]
])

const decimalProblem = (text: string, start: number, end: number): Problem.Problem =>
  Problem.make({ start, end: Math.min(end, text.length) }, "this escape is not a byte", {
    expected: "three decimal digits after the backslash, `\\000` to `\\255`",
    hint: "for a backslash itself, write `\\\\`"
  })

const hexadecimalProblem = (text: string, start: number, end: number): Problem.Problem =>
  Problem.make({ start, end: Math.min(end, text.length) }, "this escape is not a byte", {
    expected: "two hexadecimal digits after `\\x`",
    hint: "for a backslash itself, write `\\\\`"
  })

/** The value of the `\ddd` at `start`. */
const decimalEscape = (text: string, start: number): number | Problem.Problem => {
  let value = 0
  for (let at = start + 1; at < start + 4; at++) {
    const code = text.charCodeAt(at)
    if (!isDigit(code)) return decimalProblem(text, start, at + 1)
    value = value * 10 + code - 0x30
  }
  return value > 255 ? decimalProblem(text, start, start + 4) : value
}

/** The value of the `\xhh` at `start`. */
const hexadecimalEscape = (text: string, start: number): number | Problem.Problem => {
  let value = 0
  for (let at = start + 2; at < start + 4; at++) {
    const digit = hexadecimal(text.charCodeAt(at))
    if (digit < 0) return hexadecimalProblem(text, start, at + 1)
    value = value * 16 + digit
  }
  return value
}

/** The value of the byte escape at `start`; `undefined` when what stands there is not one. */
const byteEscape = (text: string, start: number): number | Problem.Problem | undefined => {
  const code = text.charCodeAt(start + 1)
  if (isDigit(code)) return decimalEscape(text, start)
  return code === 0x78 ? hexadecimalEscape(text, start) : undefined
}

/** A quoted atom that was passed over. */
export interface Scanned {
  /** The offset after the closing quote. */
  readonly end: number
  /** Some escape makes a byte from 128 up, and only such can spoil the atom's encoding. */
  readonly highBytes: boolean
}

/**
 * Passes over the quoted atom whose opening quote is at `start`; `undefined`
 * when the text ends before the atom does.
 */
export const scan = (text: string, start: number): Scanned | Problem.Problem | undefined => {
  let highBytes = false
  let at = start + 1
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === quote) return { end: at + 1, highBytes }
    if (code !== backslash) {
      at++
      continue
    }
    // The end of the text within an escape is an unclosed atom, not a wrong escape.
    if (at + 4 > text.length && text.indexOf('"', at + 2) < 0) return undefined
    const byte = byteEscape(text, at)
    if (typeof byte === "object") return byte
    if (byte !== undefined && byte >= 0x80) highBytes = true
    at += byte === undefined ? 2 : 4
  }
  return undefined
}

/** Bytes of UTF-8 in the making. */
class Utf8Writer {
  readonly #bytes: Uint8Array
  #length = 0

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity)
  }

  get length(): number {
    return this.#length
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  byte(value: number): void {
    this.#bytes[this.#length++] = value
  }

  /** A code point; half a surrogate pair becomes U+FFFD. */
  character(point: number): void {
    if (point < 0x80) this.byte(point)
    else if (point < 0x800) {
      this.byte(0xc0 | (point >> 6))
      this.#continuation(point)
    } else if (point >= 0xd800 && point < 0xe000) {
      this.character(0xfffd)
    } else if (point < 0x10000) {
      this.byte(0xe0 | (point >> 12))
      this.#continuation(point >> 6)
      this.#continuation(point)
    } else {
      this.byte(0xf0 | (point >> 18))
      this.#continuation(point >> 12)
      this.#continuation(point >> 6)
      this.#continuation(point)
    }
  }

  #continuation(bits: number): void {
    this.byte(0x80 | (bits & 0x3f))
  }
}

const notUtf8 = (start: number): Problem.Problem =>
  Problem.make({ start, end: start + 4 }, "the bytes that are escaped here are not UTF-8 text", {
    expected: "escapes that together form UTF-8 characters, such as `\\195\\169` for `é`",
    hint: "let the step's command make other bytes, for example with printf"
  })

/** What the quoted atom from `start` to `end`, quotes included and already scanned, stands for. */
export const unescape = (text: string, start: number, end: number): Either.Either<string, Problem.Problem> => {
  const content = text.slice(start + 1, end - 1)
  if (!content.includes("\\")) return Either.right(content)
  // A code unit takes at most three bytes, an escape fewer than it has characters.
  const writer = new Utf8Writer(content.length * 3)
  const escapes = { bytes: new IntVector(), offsets: new IntVector() }
  let at = start + 1
  while (at < end - 1) {
    const code = text.charCodeAt(at)
    if (code !== backslash) {
      const point = text.codePointAt(at) ?? code
      writer.character(point)
      at += point > 0xffff ? 2 : 1
      continue
    }
    const byte = byteEscape(text, at)
    if (typeof byte === "object") return Either.left(byte)
    if (byte !== undefined) {
      if (byte >= 0x80) {
        escapes.bytes.push(writer.length)
        escapes.offsets.push(at)
      }
      writer.byte(byte)
      at += 4
      continue
    }
    at = writeSimpleEscape(writer, text, at)
  }
  return Either.mapLeft(Utf8.decode(writer.bytes), (invalid) => notUtf8(offsetOf(escapes, invalid)))
}

/** Writes what the escape at `at` stands for, which is not a byte's; the offset after it. */
const writeSimpleEscape = (writer: Utf8Writer, text: string, at: number): number => {
  const code = text.charCodeAt(at + 1)
  const meaning = simple.get(code)
  if (meaning !== undefined) {
    writer.byte(meaning)
    return at + 2
  }
  if (code === lineFeed) return skipBlanks(text, at + 2)
  if (code === carriageReturn) {
    if (text.charCodeAt(at + 2) === lineFeed) return skipBlanks(text, at + 3)
    writer.byte(carriageReturn)
    return at + 2
  }
  writer.byte(backslash)
  return at + 1
}

const skipBlanks = (text: string, start: number): number => {
  let at = start
  while (text.charCodeAt(at) === 0x20 || text.charCodeAt(at) === 0x09) at++
  return at
}

/** Where the escape stands whose byte is the first at or after `byte`. */
const offsetOf = (escapes: { readonly bytes: IntVector; readonly offsets: IntVector }, byte: number): number => {
  let index = 0
  while (index < escapes.bytes.length - 1 && escapes.bytes.get(index) < byte) index++
  return escapes.offsets.get(index)
}
