/** A named text, and the lines and columns of its offsets. */
import { IntVector } from "./IntVector.ts"
import type { Position, Span } from "./Span.ts"

export interface Source {
  /** How the user named the file. */
  readonly file: string
  readonly text: string
  /** The span of `start` to `end`, offsets in UTF-16 code units, `end` exclusive. */
  readonly span: (start: number, end: number) => Span
}

const lineFeed = 10

const lineStarts = (text: string): IntVector => {
  const starts = new IntVector()
  starts.push(0)
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1)
  return starts
}

export const make = (file: string, text: string): Source => {
  // Made when the first position is asked for: a text that is read only for its meaning needs none.
  let starts: IntVector | undefined
  // The line of the last answer: the next question is most often about the same one.
  let last = 0
  const position = (offset: number): Position => {
    starts ??= lineStarts(text)
    const near = starts.get(last) <= offset && (last + 1 === starts.length || offset < starts.get(last + 1))
    let low = near ? last : 0
    let high = near ? last : starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (starts.get(middle) <= offset) low = middle
      else high = middle - 1
    }
    last = low
    return { offset, line: low + 1, column: offset - starts.get(low) + 1 }
  }
  return {
    file,
    text,
    span: (start, end) => {
      const from = position(start)
      const sameLine = end - start === 1 && text.charCodeAt(start) !== lineFeed
      const to = sameLine ? { offset: end, line: from.line, column: from.column + 1 } : position(end)
      return { start: from, end: to }
    }
  }
}
