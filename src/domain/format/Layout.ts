/**
 * Puts tokens on lines: all of them, in their order, so that what they mean
 * cannot change.
 *
 * A list stands on one line where it fits. Otherwise its lists stand on lines
 * of their own, one column to the right of it, and a list of atoms goes on
 * below its second atom. Comments stay on the line that they are on, or on
 * their own. Linear, and without recursion: lists may be nested as deep as the
 * text is long.
 */
import * as AtomText from "./AtomText.ts"
import { columns, FILE, type Shape, SPEC } from "./Shape.ts"
import { ATOM, BLOCK_COMMENT, CLOSE, DATUM_COMMENT, LINE_COMMENT, OPEN } from "./TokenTable.ts"

/** The columns of a line. */
export const longest = 100

/** Nothing is indented further, so that what is nested deep does not make a file many times as long. */
const furthest = 60

interface Frame {
  readonly list: number
  /** Where the list begins. */
  readonly column: number
  /** Where its lines begin. */
  indent: number
  /** It holds atoms alone, as many on a line as there is room for. */
  readonly fills: boolean
  /** All of it that stands before is atoms on the line that it begins on. */
  leading: boolean
  items: number
  /** The last atom had several lines. */
  tall: boolean
}

const frame = (list: number, column: number, fills: boolean): Frame => ({
  list,
  column,
  indent: Math.min(column + 1, furthest),
  fills,
  leading: true,
  items: 0,
  tall: false
})

/** The text, with a line end after its last line; none if it would have more than `most` code units. */
export const layOut = (shape: Shape, most: number): string | undefined => new Layout(shape).run(most)

class Layout {
  private readonly shape: Shape
  private readonly pieces: Array<string> = []
  private readonly frames: Array<Frame> = []
  private top = frame(FILE, -1, false)
  private column = 0
  private length = 0

  constructor(shape: Shape) {
    this.shape = shape
  }

  run(most: number): string | undefined {
    const { tokens } = this.shape
    for (let index = 0; index < tokens.length; index++) {
      index = this.token(index)
      if (this.length >= most) return undefined
    }
    this.pieces.push("\n")
    return this.pieces.join("")
  }

  /** Writes a token, or a whole list that fits; the last one that is written. */
  private token(index: number): number {
    const { tokens } = this.shape
    const kind = tokens.kind(index)
    if (kind === CLOSE) {
      this.close(index)
      return index
    }
    this.separate(index, kind)
    const isDropped = kind === DATUM_COMMENT
    if (!isDropped && !tokens.isComment(index)) this.top.items++
    if (kind !== OPEN) {
      this.write(index, kind)
      return index
    }
    this.top.leading = false
    const last = tokens.partner(index)
    if (this.fits(index, last)) {
      this.flat(index, last)
      return last
    }
    this.frames.push(this.top)
    this.top = frame(this.shape.list(index), Math.min(this.column, furthest), !this.shape.holdsLists(index))
    this.put("(")
    return index
  }

  private close(index: number): void {
    if (this.shape.tokens.kind(index - 1) === LINE_COMMENT) this.newLine(this.top.column, false)
    this.put(")")
    this.top = this.frames.pop() ?? this.top
  }

  /** What stands between a token and the one before it. */
  private separate(index: number, kind: number): void {
    const { shape, top } = this
    const { tokens } = shape
    if (shape.isGlued(index)) return
    const before = tokens.kind(index - 1)
    const blank = (top.list === FILE || top.list === SPEC) && tokens.linesBefore(index) > 1
    if (before === LINE_COMMENT || shape.ownsLine(index)) return this.newLine(top.indent, blank)
    if (tokens.isComment(index)) return this.put(" ")
    if (top.fills) return this.fill(index)
    if (before === BLOCK_COMMENT && tokens.linesBefore(index) === 0) return this.put(" ")
    const stays = top.leading && top.list !== FILE && top.list !== SPEC && this.isAtom(index, kind)
    if (stays) this.put(" ")
    else this.newLine(top.indent, blank)
  }

  /** The next atom of a list of atoms: on this line, if there is room. */
  private fill(index: number): void {
    const { top } = this
    const last = this.lastOfUnit(index)
    if (top.items === 1 && top.leading) {
      this.put(" ")
      top.indent = Math.min(this.column, furthest)
      return
    }
    const fits = this.shape.fitsOneLine(index, last) && this.fitsWidth(this.shape.width(index, last) + 1, last)
    if (fits && !top.tall) this.put(" ")
    else this.newLine(top.indent, false)
  }

  private write(index: number, kind: number): void {
    const text = this.shape.text(index)
    const isAtom = kind === ATOM
    const lines =
      typeof text !== "string"
        ? text
        : isAtom && !this.fitsWidth(columns(text), index)
          ? AtomText.broken(text)
          : undefined
    if (isAtom) this.top.tall = lines !== undefined
    if (lines !== undefined) this.putLines(lines, isAtom)
    else if (typeof text === "string") this.put(text)
  }

  private putLines(lines: ReadonlyArray<AtomText.AtomLine>, quoted: boolean): void {
    const start = Math.min(this.column, furthest)
    if (quoted) this.put('"')
    for (const [index, { after, text }] of lines.entries()) {
      if (index > 0 && after === "backslash") {
        this.put("\\")
        // The text of each line begins below that of the first, a line feed's escape before it.
        this.newLine(text.startsWith("\\n") ? Math.max(start - 1, 0) : start + 1, false)
      } else if (index > 0) this.newLine(0, false)
      this.put(text)
    }
    if (quoted) this.put('"')
  }

  private flat(first: number, last: number): void {
    for (let index = first; index <= last; index++) {
      const text = this.shape.text(index)
      if (index > first && !this.shape.isGlued(index)) this.put(" ")
      if (typeof text === "string") this.put(text)
    }
  }

  private fits(first: number, last: number): boolean {
    return this.shape.fitsOneLine(first, last) && this.fitsWidth(this.shape.width(first, last), last)
  }

  /** There is room for so many columns and for the parentheses that close after the token. */
  private fitsWidth(width: number, last: number): boolean {
    const { tokens } = this.shape
    let room = longest - this.column - width
    for (let at = last + 1; room >= 0 && at < tokens.length && tokens.kind(at) === CLOSE; at++) room--
    return room >= 0
  }

  private isAtom(index: number, kind: number): boolean {
    return kind === ATOM || (kind === DATUM_COMMENT && this.shape.tokens.kind(this.lastOfUnit(index)) === ATOM)
  }

  /** What a row of `#;` leaves out, or the token itself. */
  private lastOfUnit(index: number): number {
    let last = index
    while (this.shape.tokens.kind(last) === DATUM_COMMENT) last++
    return last
  }

  private put(text: string): void {
    this.pieces.push(text)
    this.length += text.length
    this.column += columns(text)
  }

  private newLine(indent: number, blank: boolean): void {
    const text = `${blank ? "\n" : ""}\n${" ".repeat(indent)}`
    this.pieces.push(text)
    this.length += text.length
    this.column = indent
    this.top.leading = false
  }
}
