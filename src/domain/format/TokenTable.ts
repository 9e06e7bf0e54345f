/**
 * The tokens of a spec's text, comments among them, in the order in which they
 * stand: what the layout of a file is made from.
 *
 * As the tree of nodes, the table is made of numbers: a text may have millions.
 */
import { IntVector } from "../IntVector.ts"
import * as QuotedAtom from "../QuotedAtom.ts"
import { blockCommentEnd, endsAtom } from "../SexpReader.ts"

export const OPEN = 0
export const CLOSE = 1
export const ATOM = 2
/** `; …`, without the line's end. */
export const LINE_COMMENT = 3
/** `#| … |#`. */
export const BLOCK_COMMENT = 4
/** `#;`, which leaves out the atom or list that follows. */
export const DATUM_COMMENT = 5

const lineFeed = 0x0a
const carriageReturn = 0x0d

export class TokenTable {
  readonly text: string
  private readonly kinds = new IntVector()
  private readonly starts = new IntVector()
  private readonly ends = new IntVector()
  /** How many line ends stand before the token, after the one before it. */
  private readonly lines = new IntVector()
  private readonly partners = new IntVector()
  private readonly open: Array<number> = []

  constructor(text: string) {
    this.text = text
  }

  get length(): number {
    return this.kinds.length
  }

  kind(index: number): number {
    return this.kinds.get(index)
  }

  start(index: number): number {
    return this.starts.get(index)
  }

  end(index: number): number {
    return this.ends.get(index)
  }

  /** How many line ends stand between a token and the one before it. */
  linesBefore(index: number): number {
    return this.lines.get(index)
  }

  /** Of a parenthesis: the one that it goes with. */
  partner(index: number): number {
    return this.partners.get(index)
  }

  slice(index: number): string {
    return this.text.slice(this.start(index), this.end(index))
  }

  isComment(index: number): boolean {
    const kind = this.kind(index)
    return kind === LINE_COMMENT || kind === BLOCK_COMMENT
  }

  add(kind: number, start: number, end: number, lines: number): void {
    const index = this.length
    this.kinds.push(kind)
    this.starts.push(start)
    this.ends.push(end)
    this.lines.push(lines)
    this.partners.push(-1)
    if (kind === OPEN) this.open.push(index)
    if (kind !== CLOSE) return
    const partner = this.open.pop() ?? -1
    this.partners.set(index, partner)
    this.partners.set(partner, index)
  }
}

/** The tokens of a text that `SexpReader` has read without a problem; of no other is anything promised. Linear. */
export const read = (text: string): TokenTable => {
  const tokens = new TokenTable(text)
  let lines = 0
  for (let at = 0; at < text.length;) {
    const kind = kindAt(text, at)
    if (kind === undefined) {
      if (text.charCodeAt(at) === lineFeed) lines++
      at++
      continue
    }
    const end = endOf(text, at, kind)
    tokens.add(kind, at, end, lines)
    lines = 0
    at = end
  }
  return tokens
}

/** `undefined` for a blank. */
const kindAt = (text: string, at: number): number | undefined => {
  switch (text[at]) {
    case " ":
    case "\t":
    case "\n":
    case "\f":
    case "\r":
      return undefined
    case "(":
      return OPEN
    case ")":
      return CLOSE
    case ";":
      return LINE_COMMENT
    case "#":
      return text[at + 1] === "|" ? BLOCK_COMMENT : text[at + 1] === ";" ? DATUM_COMMENT : ATOM
    default:
      return ATOM
  }
}

const endOf = (text: string, start: number, kind: number): number => {
  switch (kind) {
    case OPEN:
    case CLOSE:
      return start + 1
    case DATUM_COMMENT:
      return start + 2
    case LINE_COMMENT:
      return endOfLine(text, start)
    case BLOCK_COMMENT: {
      const end = blockCommentEnd(text, start)
      return typeof end === "number" ? end : text.length
    }
    default:
      return text[start] === '"' ? endOfQuoted(text, start) : endOfUnquoted(text, start)
  }
}

const endOfLine = (text: string, start: number): number => {
  let at = start
  while (at < text.length && text.charCodeAt(at) !== lineFeed && text.charCodeAt(at) !== carriageReturn) at++
  return at
}

const endOfQuoted = (text: string, start: number): number => {
  const scanned = QuotedAtom.scan(text, start)
  return scanned !== undefined && "end" in scanned ? scanned.end : text.length
}

const endOfUnquoted = (text: string, start: number): number => {
  let at = start + 1
  while (at < text.length && !endsAtom(text.charCodeAt(at))) at++
  return at
}
