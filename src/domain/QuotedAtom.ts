/**
 * Quoted atoms, with the escapes that Sexplib reads (parsexp's automaton, which
 * `Sexp.load_sexp` uses): `\n \t \b \r \\ \" \'`, a byte as `\ddd` (decimal) or
 * `\xhh`, and an escaped line end, which goes with the blanks after it. Any
 * other escaped character stands for itself with its backslash.
 *
 * Escapes make bytes; the atom is the UTF-8 text that all its bytes form.
 */
import * as Either from "effect/Either"
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
const simple: ReadonlyMap<number, string> = new Map([
  [0x6e, "\n"],
  [0x74, "\t"],
  [0x62, "\b"],
  [0x72, "\r"],
  [backslash, "\\"],
  [quote, '"'],
  [0x27, "'"]
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

/** What the quoted atom from `start` to `end`, quotes included and already scanned, stands for. */
export const unescape = (text: string, start: number, end: number): Either.Either<string, Problem.Problem> => {
  // Its own text, so that no search goes on behind it.
  const content = text.slice(start + 1, end - 1)
  let at = content.indexOf("\\")
  if (at < 0) return Either.right(content)
  const unescaped = new Unescaped(start + 1)
  unescaped.add(content.slice(0, at))
  while (at < content.length) {
    if (content.charCodeAt(at) !== backslash) {
      const next = content.indexOf("\\", at)
      const after = next < 0 ? content.length : next
      unescaped.add(content.slice(at, after))
      at = after
      continue
    }
    const byte = byteEscape(content, at)
    if (typeof byte === "object") return Either.left(byte)
    if (byte === undefined) at = addSimpleEscape(unescaped, content, at)
    else {
      unescaped.addByte(byte, at)
      at += 4
    }
  }
  return unescaped.finish()
}

/** Adds what the escape at `at` stands for, which is not a byte's; the offset after it. */
const addSimpleEscape = (unescaped: Unescaped, text: string, at: number): number => {
  const code = text.charCodeAt(at + 1)
  const meaning = simple.get(code)
  if (meaning !== undefined) {
    unescaped.add(meaning)
    return at + 2
  }
  if (code === lineFeed) return skipBlanks(text, at + 2)
  if (code === carriageReturn) {
    if (text.charCodeAt(at + 2) === lineFeed) return skipBlanks(text, at + 3)
    unescaped.add("\r")
    return at + 2
  }
  unescaped.add("\\")
  return at + 1
}

const skipBlanks = (text: string, start: number): number => {
  let at = start
  while (text.charCodeAt(at) === 0x20 || text.charCodeAt(at) === 0x09) at++
  return at
}

/** How many pieces are put together at a time: a text may consist of millions. */
const chunk = 4096

/** An atom's text in the making. */
class Unescaped {
  private readonly chunks: Array<string> = []
  private pieces: Array<string> = []
  /** Escaped bytes from 128 up that follow each other, and where they stand: only together can they be characters. */
  private bytes: Array<number> = []
  private offsets: Array<number> = []
  private problem: Problem.Problem | undefined
  private readonly start: number

  /** `start` is where the content stands in the whole text. */
  constructor(start: number) {
    this.start = start
  }

  add(text: string): void {
    if (this.bytes.length > 0 && text !== "") this.decodeBytes()
    this.pieces.push(text)
    if (this.pieces.length < chunk) return
    this.chunks.push(this.pieces.join(""))
    this.pieces = []
  }

  /** The byte that the escape at `offset` of the content makes. */
  addByte(byte: number, offset: number): void {
    if (byte < 0x80) this.add(String.fromCharCode(byte))
    else {
      this.bytes.push(byte)
      this.offsets.push(offset)
    }
  }

  finish(): Either.Either<string, Problem.Problem> {
    if (this.bytes.length > 0) this.decodeBytes()
    if (this.problem !== undefined) return Either.left(this.problem)
    this.chunks.push(...this.pieces)
    return Either.right(this.chunks.join(""))
  }

  private decodeBytes(): void {
    const { bytes, offsets } = this
    this.bytes = []
    this.offsets = []
    Either.match(Utf8.decode(Uint8Array.from(bytes)), {
      onLeft: (invalid) => {
        this.problem ??= notUtf8(this.start + (offsets[invalid] ?? 0))
      },
      onRight: (text) => this.add(text)
    })
  }
}

const notUtf8 = (start: number): Problem.Problem =>
  Problem.make({ start, end: start + 4 }, "the bytes that are escaped here are not UTF-8 text", {
    expected: "escapes that together form UTF-8 characters, such as `\\195\\169` for `é`",
    hint: "let the step's command make other bytes, for example with printf"
  })
