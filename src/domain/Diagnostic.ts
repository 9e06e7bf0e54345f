/**
 * Shows what is wrong in a text, and where:
 *
 *     app.spec:3:2: error: unknown operation `rnu`
 *       |
 *     3 |  (rnu (shell "echo hi"))
 *       |   ^^^
 *       = expected: `comment`, `copy`, `env`, `run`, `shell`, `user` or `workdir`
 *       = hint: did you mean `run`?
 */
import * as Option from "effect/Option"
import { visible, visibleLine, width } from "./DisplayText.ts"
import type { Span } from "./Span.ts"

/** A `SpecError` is one. */
export interface Diagnostic {
  /** An error unless it says otherwise. */
  readonly severity?: "error" | "warning" | "note"
  readonly file: string
  /** The whole text that `span` points into. */
  readonly text: string
  readonly span: Span
  readonly message: string
  readonly expected?: Option.Option<string>
  readonly hint?: Option.Option<string>
}

export interface RenderOptions {
  /** With the terminal's colours; without by default. */
  readonly color?: boolean
}

/** How much of a line is shown to the left and to the right of where the span begins, in UTF-16 code units. */
const before = 60
const after = 90

type Style = "bold" | "error" | "warning" | "note" | "gutter" | "hint"

const codes: Readonly<Record<Style, string>> = {
  bold: "1",
  error: "1;31",
  warning: "1;33",
  note: "1;34",
  gutter: "34",
  hint: "1;36"
}

/** Several lines, without a line end after the last. Nothing from the text or the file's name acts on the terminal. */
export const render = (diagnostic: Diagnostic, { color = false }: RenderOptions = {}): string => {
  const style = (kind: Style, text: string): string => (color ? `\u001b[${codes[kind]}m${text}\u001b[0m` : text)
  const { line, column } = diagnostic.span.start
  const severity = diagnostic.severity ?? "error"
  const number = String(line)
  const blank = " ".repeat(number.length)
  const gutter = (text: string): string => style("gutter", `${text} |`)
  const shown = excerpt(diagnostic.text, diagnostic.span)
  const note = (label: string, kind: Style, text: Option.Option<string> = Option.none()): ReadonlyArray<string> =>
    Option.match(text, {
      onNone: () => [],
      onSome: (text) => [`${blank} ${style("gutter", "=")} ${style(kind, `${label}:`)} ${visible(text)}`]
    })
  return [
    `${style("bold", `${visible(diagnostic.file)}:${line}:${column}:`)} ${style(severity, `${severity}:`)} ${style("bold", visible(diagnostic.message))}`,
    gutter(blank),
    `${gutter(number)} ${shown.text}`.trimEnd(),
    `${gutter(blank)} ${" ".repeat(shown.indent)}${style(severity, "^".repeat(shown.carets))}`,
    ...note("expected", "bold", diagnostic.expected),
    ...note("hint", "hint", diagnostic.hint)
  ].join("\n")
}

interface Excerpt {
  /** The span's first line, or what is near the span of a long one. */
  readonly text: string
  /** Columns before the carets. */
  readonly indent: number
  readonly carets: number
}

const excerpt = (text: string, { start, end }: Span): Excerpt => {
  // Looks no further than what can be shown: the line may be megabytes long.
  const lineStart = start.offset - (start.column - 1)
  const from = Math.max(lineStart, start.offset - before)
  const first = isLowSurrogate(text, from) ? from + 1 : from
  const limit = endOfLine(text, start.offset, Math.min(text.length, start.offset + after))
  const last = isLowSurrogate(text, limit) ? limit - 1 : limit
  const markedEnd = Math.max(start.offset, Math.min(end.offset, last))
  const left = `${first > lineStart ? "…" : ""}${visibleLine(text.slice(first, start.offset))}`
  const marked = visibleLine(text.slice(start.offset, markedEnd))
  const rest = visibleLine(text.slice(markedEnd, last))
  return {
    text: `${left}${marked}${rest}${isLineEnd(text, limit) ? "" : "…"}`,
    indent: width(left),
    carets: Math.max(1, width(marked))
  }
}

/** The offset of the line end at or after `from`, or `limit` when it comes first. */
const endOfLine = (text: string, from: number, limit: number): number => {
  let at = from
  while (at < limit && !isLineEnd(text, at)) at++
  return at
}

const isLineEnd = (text: string, at: number): boolean =>
  at >= text.length || text[at] === "\n" || (text[at] === "\r" && text[at + 1] === "\n")

const isLowSurrogate = (text: string, at: number): boolean => /[\udc00-\udfff]/.test(text.charAt(at))
