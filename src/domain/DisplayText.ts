/** Text from files made fit to be shown on a terminal: nothing in it acts on the terminal, and its width is known. */

/**
 * What must not reach a terminal as it is: control characters, and the
 * invisible ones that break lines or turn the order of what is shown.
 */
const hidden =
  /[\p{Cc}\p{Cs}\u{ad}\u{61c}\u{200b}\u{200e}\u{200f}\u{2028}-\u{202e}\u{2060}-\u{206f}\u{feff}\u{fff9}-\u{fffb}\u{e0000}-\u{e007f}]/gu

const named: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

const escaped = (character: string): string =>
  named[character] ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`

/** The text with each hidden character written as `write` has it. */
export const replaceHidden = (text: string, write: (character: string) => string): string =>
  text.replaceAll(hidden, write)

/** The text with everything hidden in it written as escapes (`\n`, `\u{1b}`). */
export const visible = (text: string): string => text.replaceAll(hidden, escaped)

/** A tab of the source, as wide wherever it stands. */
const tab = "    "

/** One line of a source: as {@link visible}, but a tab stays a blank. */
export const visibleLine = (line: string): string =>
  line.replaceAll(hidden, (character) => (character === "\t" ? tab : escaped(character)))

/** Combining marks and joiners, which take no column of their own. */
const zeroWidth = /\p{Mn}|\p{Me}|\u{200c}|\u{200d}/u

/** The wide and full-width blocks of Unicode's EastAsianWidth, and the emoji. */
const wide =
  /[\u{1100}-\u{115f}\u{2e80}-\u{303e}\u{3041}-\u{4dbf}\u{4e00}-\u{a4cf}\u{a960}-\u{a97c}\u{ac00}-\u{d7a3}\u{f900}-\u{faff}\u{fe30}-\u{fe6f}\u{ff01}-\u{ff60}\u{ffe0}-\u{ffe6}\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1faff}\u{20000}-\u{3fffd}]/u

/** The columns that visible text takes on a terminal. */
export const width = (text: string): number => {
  let columns = 0
  for (const character of text) columns += zeroWidth.test(character) ? 0 : wide.test(character) ? 2 : 1
  return columns
}

/** The text up to `length` code units, with an ellipsis where it was cut; no character is cut in half. */
export const clipped = (text: string, length: number): string => {
  if (text.length <= length) return text
  const halved = /[\ud800-\udbff]/.test(text.charAt(length - 1))
  return `${text.slice(0, halved ? length - 1 : length)}…`
}
