/** An instruction's line taken apart: keyword, flags, and the rest. */
import { afterBlanks, beforeBlanks, isBlank } from "./Blanks.ts"

export interface Flag {
  readonly name: string
  readonly value: string | undefined
  /** Offsets into the line. */
  readonly start: number
  readonly end: number
}

export interface Parts {
  /** As it is written. */
  readonly keyword: string
  /** Where the keyword begins. */
  readonly start: number
  readonly flags: ReadonlyArray<Flag>
  /** Where what follows the flags begins and ends, blanks around it left out. */
  readonly textStart: number
  readonly textEnd: number
}

/** The line has blanks at its beginning at most. */
export const split = (line: string, escape: string): Parts => {
  const start = afterBlanks(line, 0)
  const end = beforeBlanks(line, start)
  let at = start
  // Other blanks than these do not end a keyword.
  while (at < end && !" \t\v\f\r".includes(line.charAt(at))) at++
  const { flags, after } = readFlags(line, at, end, escape)
  const textStart = afterBlanks(line, after, end)
  return { keyword: line.slice(start, at), start, flags, textStart, textEnd: Math.max(textStart, end) }
}

/** Leading words that begin with `--`; `--` alone ends them. Quotes are taken away, and escapes undone. */
const readFlags = (
  line: string,
  from: number,
  end: number,
  escape: string
): { readonly flags: ReadonlyArray<Flag>; readonly after: number } => {
  const flags: Array<Flag> = []
  let at = from
  for (;;) {
    const start = afterBlanks(line, at, end)
    if (start === end || !line.startsWith("--", start)) return { flags, after: start }
    const word = readWord(line, start, end, escape)
    at = word.end
    if (word.text === "--") return { flags, after: at }
    const equals = word.text.indexOf("=")
    flags.push({
      name: word.text.slice(2, equals < 0 ? undefined : equals),
      value: equals < 0 ? undefined : word.text.slice(equals + 1),
      start,
      end: at
    })
  }
}

const readWord = (
  line: string,
  start: number,
  end: number,
  escape: string
): { readonly text: string; readonly end: number } => {
  const parts: Array<string> = []
  let quote = ""
  let at = start
  let copied = start
  for (; at < end; at++) {
    const character = line.charAt(at)
    if (quote === "" && isBlank(line.charCodeAt(at))) break
    const quotes = quote === "" ? character === '"' || character === "'" : character === quote
    if (quotes) quote = quote === "" ? character : ""
    else if (character !== escape) continue
    parts.push(line.slice(copied, at))
    copied = at + 1
    // What is escaped stands for itself.
    if (!quotes) at++
  }
  at = Math.min(at, end)
  parts.push(line.slice(copied, at))
  return { text: parts.join(""), end: at }
}
