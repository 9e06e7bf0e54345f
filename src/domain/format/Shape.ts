/** What the layout has to know of each token before it can decide about lines: what its list is, and how wide it is. */
import { width } from "../DisplayText.ts"
import { IntVector } from "../IntVector.ts"
import * as AtomText from "./AtomText.ts"
import { ATOM, BLOCK_COMMENT, CLOSE, DATUM_COMMENT, LINE_COMMENT, OPEN, type TokenTable } from "./TokenTable.ts"

/** What a list is in the language. */
export const PLAIN = 0
/** `((build …) (from …) …)`. */
export const SPEC = 1
/** `(build NAME SPEC)`. */
export const BUILD = 2
/** `(run FIELD…)`. */
export const RUN = 3
/** A list whose atoms are texts, which always stand in quotes: a run's `(shell …)`, and `(comment …)`. */
export const TEXT = 4
/** What is around the outermost list. */
export const FILE = 5

/** The columns that a line of text takes; most are ASCII. */
export const columns = (text: string): number => (/^[\x20-\x7e]*$/.test(text) ? text.length : width(text))

interface Open {
  readonly index: number
  readonly within: number
  /** What the list is; `undefined` before its first item. */
  list: number | undefined
  lists: number
  items: number
}

export class Shape {
  readonly tokens: TokenTable
  /** How atoms and comments are written. */
  private readonly texts: Array<AtomText.AtomText> = []
  private readonly lists = new IntVector()
  // Sums over all tokens before one, so that each list's own is a difference.
  private readonly widths = new IntVector()
  private readonly breaks = new IntVector()
  private readonly opens = new IntVector()

  constructor(tokens: TokenTable) {
    this.tokens = tokens
    const stack: Array<Open> = [{ index: -1, within: FILE, list: FILE, lists: 0, items: 0 }]
    let [total, breaks, opens] = [0, 0, 0]
    for (let index = 0; index < tokens.length; index++) {
      this.widths.push(total)
      this.breaks.push(breaks)
      this.opens.push(opens)
      this.lists.push(PLAIN)
      const holder = stack.at(-1)
      const kind = tokens.kind(index)
      if (holder !== undefined && kind !== CLOSE && kind !== DATUM_COMMENT && !tokens.isComment(index)) {
        this.counted(holder, index)
      }
      const text = this.textOf(index, holder)
      this.texts.push(text)
      total += (this.isGlued(index) ? 0 : 1) + (typeof text === "string" ? columns(text) : 0)
      if (typeof text !== "string" || this.breaksLine(index)) breaks++
      if (kind === OPEN) {
        opens++
        stack.push({ index, within: holder?.list ?? PLAIN, list: undefined, lists: 0, items: 0 })
      } else if (kind === CLOSE) {
        stack.pop()
        if (holder !== undefined && isBroken(holder)) breaks++
      }
    }
    this.widths.push(total)
    this.breaks.push(breaks)
    this.opens.push(opens)
  }

  /** What the list is that begins here. */
  list(index: number): number {
    return this.lists.get(index)
  }

  text(index: number): AtomText.AtomText {
    return this.texts[index] ?? ""
  }

  /** The columns that the tokens from `first` to `last` take on one line. */
  width(first: number, last: number): number {
    return this.widths.get(last + 1) - this.widths.get(first) - (this.isGlued(first) ? 0 : 1)
  }

  /** The tokens can stand on one line, if that is long enough. */
  fitsOneLine(first: number, last: number): boolean {
    return this.breaks.get(last + 1) === this.breaks.get(first)
  }

  holdsLists(index: number): boolean {
    return this.opens.get(this.tokens.partner(index)) > this.opens.get(index + 1)
  }

  /** No blank is needed before the token. */
  isGlued(index: number): boolean {
    const before = index === 0 ? OPEN : this.tokens.kind(index - 1)
    return this.tokens.kind(index) === CLOSE || before === OPEN || before === DATUM_COMMENT
  }

  /** A comment that stands on a line of its own. */
  ownsLine(index: number): boolean {
    return this.tokens.isComment(index) && !this.isGlued(index) && this.tokens.linesBefore(index) > 0
  }

  private breaksLine(index: number): boolean {
    return this.tokens.kind(index) === LINE_COMMENT || this.ownsLine(index)
  }

  private counted(holder: Open, index: number): void {
    const isList = this.tokens.kind(index) === OPEN
    if (holder.list === undefined) {
      holder.list = listOf(holder.within, isList, isList ? "" : this.tokens.slice(index))
      this.lists.set(holder.index, holder.list)
    }
    holder.items++
    if (isList) holder.lists++
  }

  private textOf(index: number, holder: Open | undefined): AtomText.AtomText {
    const text = this.tokens.slice(index)
    switch (this.tokens.kind(index)) {
      case ATOM:
        return AtomText.write(text, holder?.list === TEXT && holder.items > 1)
      case LINE_COMMENT:
        return text.trimEnd()
      case BLOCK_COMMENT:
        return text.includes("\n") ? text.split("\n").map((line) => ({ text: line, after: "line end" })) : text
      default:
        return text
    }
  }
}

const listOf = (within: number, isList: boolean, head: string): number => {
  switch (within) {
    case FILE:
    case BUILD:
      return isList ? SPEC : PLAIN
    case SPEC:
      return head === "build" ? BUILD : head === "run" ? RUN : head === "comment" ? TEXT : PLAIN
    case RUN:
      return head === "shell" ? TEXT : PLAIN
    default:
      return PLAIN
  }
}

/** Never on one line, however short. */
const isBroken = ({ list, lists }: Open): boolean => list === SPEC || list === BUILD || (list === RUN && lists > 1)
