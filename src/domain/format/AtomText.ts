/**
 * How an atom is written in a file for people: in quotes where it needs them,
 * with letters of all scripts as they are, and on the lines that its author
 * gave it.
 */
import * as Either from "effect/Either"
import { replaceHidden } from "../DisplayText.ts"
import * as QuotedAtom from "../QuotedAtom.ts"
import * as SexpPrinter from "../SexpPrinter.ts"

/** An atom's first line, or a later one. */
export interface AtomLine {
  /** As it is written, without the quotes around the atom. */
  readonly text: string
  /**
   * How the line before goes on here: by a backslash, so that blanks before this
   * line are none of the atom's, or by a line end that belongs to the atom.
   */
  readonly after: "backslash" | "line end"
}

/** An atom on one line, or all lines of one that has several. */
export type AtomText = string | ReadonlyArray<AtomLine>

/**
 * The atom that is written as `source`, which may be quoted or not. `quoted`
 * gives it quotes even if it needs none.
 */
export const write = (source: string, quoted: boolean): AtomText => {
  if (!source.startsWith('"')) return atom(source, quoted)
  if (!source.includes("\n")) {
    const value = valueOf(source)
    // What `#;` leaves out may hold bytes that are no text.
    return value === undefined ? source : atom(value, quoted)
  }
  const lines = split(source.slice(1, -1))
  const written = lines.flatMap((line, index) => rewritten(line, index > 0))
  if (written.length === lines.length) return written
  // A character's bytes go on behind a line's end.
  const value = valueOf(source)
  return value === undefined ? source.slice(1, -1).split("\n").map(verbatim) : atom(value, quoted)
}

/** The lines of a long text, as `SpecPrinter` has them: each line feed but a last one begins a line. */
export const broken = (written: string): ReadonlyArray<AtomLine> | undefined => {
  if (!written.startsWith('"')) return undefined
  const content = written.slice(1, -1)
  const lines: Array<AtomLine> = []
  let from = 0
  for (let at = content.indexOf("\\"); at >= 0; at = content.indexOf("\\", at + 2)) {
    if (content[at + 1] !== "n" || at === from || at + 2 === content.length) continue
    lines.push({ text: content.slice(from, at), after: "backslash" })
    from = at
  }
  if (lines.length === 0) return undefined
  return [...lines, { text: content.slice(from), after: "backslash" }]
}

const valueOf = (source: string): string | undefined =>
  Either.getOrUndefined(QuotedAtom.unescape(source, 0, source.length))

const verbatim = (text: string): AtomLine => ({ text, after: "line end" })

const atom = (value: string, quoted: boolean): string =>
  quoted || SexpPrinter.needsQuotes(value) ? `"${escape(value)}"` : value

/** Only what cannot be seen, and what the syntax needs, becomes an escape. */
const escape = (value: string): string =>
  replaceHidden(value.replaceAll(/["\\]/g, "\\$&"), (character) =>
    /[\ud800-\udfff]/u.test(character) ? character : SexpPrinter.escape(character)
  )

/** None if it is no text without the line before it. */
const rewritten = ({ after, text }: AtomLine, later: boolean): ReadonlyArray<AtomLine> => {
  // Tabs that a script within the text is indented with stay tabs.
  const indent = later && after === "line end" ? (/^[ \t]*/.exec(text)?.[0] ?? "") : ""
  const value = valueOf(`"${text.slice(indent.length)}"`)
  if (value === undefined) return []
  return [{ text: after === "backslash" ? unblanked(escape(value)) : indent + escape(value), after }]
}

/** Blanks that begin a line after a backslash would not be read. */
const unblanked = (text: string): string => (text.startsWith(" ") ? `\\032${text.slice(1)}` : text)

/** The lines of what stands between quotes, still escaped. */
const split = (content: string): ReadonlyArray<AtomLine> => {
  const lines: Array<AtomLine> = []
  let after: AtomLine["after"] = "line end"
  let from = 0
  for (let at = 0; at < content.length;) {
    const escaped = content[at] === "\\"
    const end = escaped ? lineEnd(content, at + 1) : content[at] === "\n" ? at + 1 : undefined
    if (end === undefined) {
      at += escaped ? 2 : 1
      continue
    }
    lines.push({ text: content.slice(from, at), after })
    after = escaped ? "backslash" : "line end"
    at = end
    if (escaped) while (content[at] === " " || content[at] === "\t") at++
    from = at
  }
  return [...lines, { text: content.slice(from), after }]
}

/** The offset after the line end at `at`, if there is one. */
const lineEnd = (content: string, at: number): number | undefined => {
  if (content[at] === "\n") return at + 1
  return content[at] === "\r" && content[at + 1] === "\n" ? at + 2 : undefined
}
