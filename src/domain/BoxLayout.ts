/**
 * Lays out text in boxes, breaking lines where OCaml's `Format` breaks them,
 * whose output OBuilder's printed specs and log headings are.
 *
 * Oppen's algorithm ("Prettyprinting", ACM TOPLAS 2, 1980) with Format's boxes
 * and its defaults: tokens wait in a queue until it is known whether they fit
 * on the rest of the line, which takes at most one line's worth of them. Linear
 * in the text; widths count UTF-8 bytes, as Format does.
 */

/** What a box does at its breaks when it does not fit on the line: never, always or all of them new lines, or as needed. */
export type BoxKind = "h" | "v" | "hv" | "hov"

/** The columns of a line, and the furthest that an indentation goes. */
const margin = 78
const maxIndent = 68

type Token =
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "Open"; readonly kind: BoxKind; readonly indent: number }
  | { readonly _tag: "Close" }
  | { readonly _tag: "Break"; readonly width: number }
  | { readonly _tag: "NewLine" }

interface Entry {
  readonly token: Token
  /** Bytes it takes on a line. */
  readonly length: number
  /** What follows up to where it could break next; minus its place in the text while that is unknown. */
  size: number
}

interface OpenBox {
  /** `fits`: the whole box goes on this line. */
  readonly kind: BoxKind | "fits"
  /** The columns to the right of its indentation. */
  readonly width: number
}

const utf8 = new TextEncoder()
const byteLength = (text: string): number => (/^[\x20-\x7e]*$/.test(text) ? text.length : utf8.encode(text).length)

export class BoxLayout {
  private readonly output: Array<string> = []
  private readonly boxes: Array<OpenBox> = []
  private spaceLeft = margin

  /** What has been said and not been laid out; `first` is the index of the oldest. */
  private queue: Array<Entry> = []
  private first = 0
  /** The breaks and boxes in the queue whose size is unknown, with their places. */
  private unsized: Array<{ readonly entry: Entry; readonly place: number }> = []
  private depth = 0
  /** The bytes that have been laid out, and that have been said; from 1, so that no unknown size is zero. */
  private leftTotal = 1
  private rightTotal = 1

  constructor() {
    // Everything is in a box, which never ends.
    this.pushUnsized({ token: { _tag: "Open", kind: "hov", indent: 0 }, length: 0, size: -1 })
  }

  /** Text that stays on its line. */
  text(text: string): void {
    const length = byteLength(text)
    this.enqueue({ token: { _tag: "Text", text }, length, size: length })
    this.advance()
  }

  /** `width` blanks, or a new line. */
  break(width: 0 | 1): void {
    const entry: Entry = { token: { _tag: "Break", width }, length: width, size: -this.rightTotal }
    this.enqueue(entry)
    this.sized("Break")
    this.unsized.push({ entry, place: this.rightTotal })
  }

  /** A new line in any case. */
  newLine(): void {
    this.enqueue({ token: { _tag: "NewLine" }, length: 0, size: 0 })
    this.advance()
  }

  /** Begins a box whose new lines begin `indent` columns to the right of here. */
  open(kind: BoxKind, indent = 0): void {
    this.depth++
    this.pushUnsized({ token: { _tag: "Open", kind, indent }, length: 0, size: -this.rightTotal })
  }

  close(): void {
    if (this.depth === 0) return
    this.depth--
    this.enqueue({ token: { _tag: "Close" }, length: 0, size: 0 })
    this.sized("Break")
    this.sized("Open")
  }

  /** Ends the text, and gives it. */
  finish(): string {
    while (this.depth > 0) this.close()
    this.rightTotal = Infinity
    this.advance()
    return this.output.join("")
  }

  private enqueue(entry: Entry): void {
    this.rightTotal += entry.length
    this.queue.push(entry)
  }

  private pushUnsized(entry: Entry): void {
    this.enqueue(entry)
    this.unsized.push({ entry, place: this.rightTotal })
  }

  /** Settles the size of the innermost unsized entry, if it is one of these. */
  private sized(tag: "Break" | "Open"): void {
    const top = this.unsized.at(-1)
    if (top === undefined) return
    if (top.place < this.leftTotal) {
      // It has been laid out, and so have all before it.
      this.unsized = []
    } else if (top.entry.token._tag === tag) {
      top.entry.size += this.rightTotal
      this.unsized.pop()
    }
  }

  /** Lays out what is known to fit, and what is known not to. */
  private advance(): void {
    for (let entry = this.queue[this.first]; entry !== undefined; entry = this.queue[this.first]) {
      if (entry.size < 0 && this.rightTotal - this.leftTotal < this.spaceLeft) return
      this.first++
      this.place(entry.token, entry.size < 0 ? Infinity : entry.size)
      this.leftTotal += entry.length
    }
    this.queue = []
    this.first = 0
  }

  private place(token: Token, size: number): void {
    switch (token._tag) {
      case "Text":
        this.output.push(token.text)
        this.spaceLeft -= size
        return
      case "Open":
        return this.openBox(token.kind, token.indent, size)
      case "Close":
        this.boxes.pop()
        return
      case "NewLine":
        return this.lineEnd(this.boxes.at(-1)?.width ?? margin)
      case "Break":
        return this.placeBreak(token.width, size)
    }
  }

  private openBox(kind: BoxKind, indent: number, size: number): void {
    const box = this.boxes.at(-1)
    // Too far right to begin a box: it begins on a new line, if the box around it has any.
    if (margin - this.spaceLeft > maxIndent && box !== undefined && box.width > this.spaceLeft) {
      if (box.kind !== "fits" && box.kind !== "h") this.lineEnd(box.width)
    }
    const fits = kind !== "v" && size <= this.spaceLeft
    this.boxes.push({ kind: fits ? "fits" : kind, width: this.spaceLeft - indent })
  }

  private placeBreak(width: number, size: number): void {
    const box = this.boxes.at(-1)
    const breaks =
      box !== undefined && (box.kind === "v" || box.kind === "hv" || (box.kind === "hov" && size > this.spaceLeft))
    if (breaks) return this.lineEnd(box.width)
    this.output.push(" ".repeat(width))
    this.spaceLeft -= width
  }

  /** Begins a line in a box with `width` columns. */
  private lineEnd(width: number): void {
    const indent = Math.min(maxIndent, margin - width)
    this.output.push("\n", " ".repeat(indent))
    this.spaceLeft = margin - indent
  }
}
