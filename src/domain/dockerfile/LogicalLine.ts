/**
 * The lines of a Dockerfile, and an instruction's lines made one.
 *
 * A line ends at a line feed; carriage returns before it belong to the line's end. A line that ends in the escape
 * character, blanks after it aside, goes on in the next line, unless two escape characters stand there. Lines of
 * comments and empty lines within what goes on are dropped.
 */
import { afterBlanks } from "./Blanks.ts"
import type { Range } from "./Dockerfile.ts"

const lineFeed = 0x0a
const carriageReturn = 0x0d
const space = 0x20
const tab = 0x09
const hash = 0x23

/** Goes through a text line by line. */
export class Lines {
  /** Where the current line begins, ends, and ends with its line end. */
  start = 0
  end = 0
  next = 0
  private readonly text: string

  constructor(text: string, from: number) {
    this.text = text
    this.next = from
  }

  /** Makes the next line the current one; false at the text's end. */
  advance(): boolean {
    if (this.next >= this.text.length) return false
    const found = this.text.indexOf("\n", this.next)
    this.start = this.next
    this.next = found < 0 ? this.text.length : found + 1
    this.end = this.next
    while (this.end > this.start && isLineEnd(this.text.charCodeAt(this.end - 1))) this.end--
    return true
  }
}

const isLineEnd = (unit: number): boolean => unit === lineFeed || unit === carriageReturn

/** Whether the current line is a comment, after blanks. */
export const isComment = (text: string, lines: Lines): boolean => {
  const at = afterBlanks(text, lines.start, lines.end)
  return at < lines.end && text.charCodeAt(at) === hash
}

/** A text that was put together from pieces of the source, and where each piece stands there. */
export class LogicalLine {
  text = ""
  private readonly starts: Array<number> = []
  private readonly origins: Array<number> = []
  private readonly start: number

  /** `start` is where the whole stands, should there be no piece. */
  constructor(start: number) {
    this.start = start
  }

  /** Adds what stands from `start` to `end` in the source. */
  add(source: string, start: number, end: number): void {
    if (end <= start) return
    this.starts.push(this.text.length)
    this.origins.push(start)
    this.text += source.slice(start, end)
  }

  /** Where the unit at `offset` stands in the source. */
  origin(offset: number): number {
    if (this.starts.length === 0) return this.start
    let low = 0
    let high = this.starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((this.starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return (this.origins[low] ?? 0) + offset - (this.starts[low] ?? 0)
  }

  /** What `start` to `end` covers in the source, dropped lines between the two included. */
  range(start: number, end: number): Range {
    const first = this.origin(start)
    return { start: first, end: end > start ? this.origin(end - 1) + 1 : first }
  }
}

/**
 * Reads an instruction that begins on the current line, and leaves its last line as the current one. `undefined` where
 * the current line is empty or a comment.
 */
export const read = (source: string, lines: Lines, escape: string): LogicalLine | undefined => {
  const start = afterBlanks(source, lines.start, lines.end)
  if (start === lines.end || source.charCodeAt(start) === hash) return undefined
  const line = new LogicalLine(start)
  let end = continued(source, start, lines.end, escape)
  line.add(source, start, end ?? lines.end)
  while (end !== undefined && lines.advance()) {
    if (isComment(source, lines) || afterBlanks(source, lines.start, lines.end) === lines.end) continue
    end = continued(source, lines.start, lines.end, escape)
    line.add(source, lines.start, end ?? lines.end)
  }
  return line
}

/** Where the escape character stands that makes a line go on in the next one. */
const continued = (source: string, start: number, end: number, escape: string): number | undefined => {
  let at = end
  while (at > start && isSpaceOrTab(source.charCodeAt(at - 1))) at--
  if (at === start || source[at - 1] !== escape) return undefined
  return at - 1 > start && source[at - 2] === escape ? undefined : at - 1
}

const isSpaceOrTab = (unit: number): boolean => unit === space || unit === tab
