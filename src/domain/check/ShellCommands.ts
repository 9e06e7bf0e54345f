/**
 * The simple commands in a text for a Unix shell: enough to see which programs
 * it runs with which words, not what a shell would make of it.
 */

/** A command's words, the program's name without its directory first; quotes are taken off. */
export type Command = ReadonlyArray<string>

/** No person's command is longer; what comes after is not looked at. */
const longest = 100_000

/** Words that come before a command's name. */
const prefixes = new Set(
  "! if then else elif while until do time exec sudo doas env nice nohup command builtin eatmydata { (".split(" ")
)

/** Linear in the text's length. */
export const commands = (text: string): ReadonlyArray<Command> => {
  const found: Array<Array<string>> = []
  let words: Array<string> = []
  const end = (): void => {
    if (words.length > 0) found.push(words)
    words = []
  }
  for (const [token] of text.slice(0, longest).matchAll(tokens)) {
    if (/^[;&|\n()`]/.test(token) || token === "$(") end()
    else if (!/^(?:[ \t\r]|\\\n|#)/.test(token)) words.push(unquoted(token))
  }
  end()
  return found.map(named).filter((command) => command.length > 0)
}

/** Blanks, a comment, what parts commands, or a word. Each alternative begins with another character. */
const tokens =
  /[ \t\r]+|\\\n|(?<![^\s;&|()`])#[^\n]*|\$\(|[;&|\n()`]|(?:[^\s;&|()`"'\\$]|\$(?!\()|"(?:[^"\\]|\\[\s\S])*"?|'[^']*'?|\\[^\n])+/g

const unquoted = (word: string): string => word.replaceAll(/\\([\s\S])|["']/g, "$1")

/** Without variables, and words that lead to a command, before it. */
const named = (words: ReadonlyArray<string>): Command => {
  const first = words.findIndex((word) => !prefixes.has(word) && !/^[A-Za-z_]\w*=/.test(word) && !word.startsWith("-"))
  if (first < 0) return []
  const [program = "", ...rest] = words.slice(first)
  return [program.slice(program.lastIndexOf("/") + 1), ...rest]
}
