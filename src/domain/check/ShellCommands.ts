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
  "! if then else elif while until do time exec sudo doas env nice timeout nohup command builtin eatmydata { (".split(
    " "
  )
)

/** Their options that have the next word for their argument. */
const withArgument: Readonly<Record<string, RegExp>> = {
  sudo: /^-[A-Za-z]*[ugpCDhRrTtU]$|^--(?:user|group|prompt|chdir|chroot|host|role|type|other-user|command-timeout)$/,
  doas: /^-[uC]$/,
  env: /^-[uC]$|^--(?:unset|chdir)$/,
  nice: /^-n$|^--adjustment$/,
  timeout: /^-[sk]$|^--(?:signal|kill-after)$/,
  time: /^-[fo]$/,
  exec: /^-a$/
}

/** Linear in the text's length. */
export const commands = (text: string): ReadonlyArray<Command> => {
  const found: Array<Array<string>> = []
  let words: Array<string> = []
  const end = (): void => {
    if (words.length > 0) found.push(words)
    words = []
  }
  for (const [token] of withoutHereDocuments(text.slice(0, longest)).matchAll(tokens)) {
    if (/^[;&|\n()`]/.test(token) || token === "$(") end()
    else if (!/^(?:[ \t\r]|\\\n|#)/.test(token)) words.push(unquoted(token))
  }
  end()
  return found.map(named).filter((command) => command.length > 0)
}

/** Blanks, a comment, what parts commands, or a word. Each alternative begins with another character. */
const tokens =
  /[ \t\r]+|\\\n|(?<![^\s;&|()`])#[^\n]*|\$\(|[;&|\n()`]|(?:[^\s;&|()`"'\\$]|\$(?!\()|"(?:[^"\\]|\\[\s\S])*"?|'[^']*'?|\\[^\n])+/g

const hereDocument = /(?<!<)<<-?[ \t]*(?:\\?([A-Za-z_]\w*)|'([^'\n]+)'|"([^"\n]+)")/g

/** What stands in a here-document is a text for a command, and no command. */
const withoutHereDocuments = (text: string): string => {
  if (!text.includes("<<")) return text
  const lines = text.split("\n")
  const last = new Map(lines.map((line, index) => [line.trim(), index]))
  const kept: Array<string> = []
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? ""
    kept.push(line)
    for (const [, plain, single, double] of line.matchAll(hereDocument)) {
      const end = (plain ?? single ?? double ?? "").trim()
      // One that never ends may be a shift of bits.
      if ((last.get(end) ?? -1) <= index) continue
      do index++
      while (lines[index]?.trim() !== end)
    }
  }
  return kept.join("\n")
}

const unquoted = (word: string): string => word.replaceAll(/\\([\s\S])|["']/g, "$1")

/** Without variables, and words that lead to a command, before it. */
const named = (words: ReadonlyArray<string>): Command => {
  let prefix = ""
  let first = 0
  for (; first < words.length; first++) {
    const word = words[first] ?? ""
    if (prefixes.has(word)) prefix = word
    else if (word.startsWith("-")) {
      if (Object.hasOwn(withArgument, prefix) && withArgument[prefix]?.test(word)) first++
    } else if (prefix === "timeout" && /^[\d.]+[smhd]?$/.test(word)) prefix = ""
    else if (!/^[A-Za-z_]\w*=/.test(word)) break
  }
  if (first >= words.length) return []
  const [program = "", ...rest] = words.slice(first)
  return [program.slice(program.lastIndexOf("/") + 1), ...rest]
}
