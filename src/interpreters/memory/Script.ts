/**
 * The language of the commands that `MemorySandbox` runs: one instruction a
 * line, or several separated by `;`. Words are separated by spaces; a word in
 * double quotes may hold anything, with `\n`, `\"` and `\\`.
 *
 * | instruction | what it does |
 * | --- | --- |
 * | `write PATH TEXT` | makes a file of exactly TEXT (the other words, joined with spaces), with the directories on the way |
 * | `append PATH TEXT` | adds TEXT to a file, or makes it |
 * | `copy FROM TO` | copies a file |
 * | `mkdir PATH` | makes a directory, with those on the way |
 * | `link TARGET PATH` | makes a symbolic link |
 * | `chmod MODE PATH`, `chown UID GID PATH` | change a file or directory; MODE is octal |
 * | `remove PATH` | removes a file, link or whole directory |
 * | `cat PATH`, `list PATH` | write a file's content, a directory's names, to the output |
 * | `echo TEXT` | writes TEXT and a line end to the output |
 * | `env NAME` | writes the variable's value and a line end |
 * | `pwd`, `id`, `hostname`, `network` | write the directory, `UID GID`, the host name, `none` or `host` |
 * | `fail [STATUS]` | ends the command with this exit status, 1 unless given |
 * | `kill SIGNAL`, `oom` | end it as by this signal, or for lack of memory |
 * | `sleep MILLISECONDS` | waits, by Effect's clock |
 * | `wait GATE` | waits until the test lets it go on at the world's gate of this name |
 * | `hold GATE` | the same, and cannot be killed meanwhile |
 *
 * Relative paths are seen from the working directory. Caches and secrets are at
 * their targets. An instruction that cannot be done says why on the output and
 * ends the command with status 1, an unknown one with 127.
 */

export interface Instruction {
  readonly name: string
  readonly args: ReadonlyArray<string>
}

/** Total: every text is a script. */
export const parse = (script: string): ReadonlyArray<Instruction> => {
  const instructions: Array<Instruction> = []
  let words: Array<string> = []
  let word: string | undefined
  const endWord = (): void => {
    if (word !== undefined) words.push(word)
    word = undefined
  }
  const endInstruction = (): void => {
    endWord()
    const [name, ...args] = words
    if (name !== undefined) instructions.push({ name, args })
    words = []
  }
  for (let at = 0; at < script.length; at++) {
    const char = script.charAt(at)
    if (char === '"') {
      word ??= ""
      for (at++; at < script.length && script.charAt(at) !== '"'; at++) {
        if (script.charAt(at) !== "\\") word += script.charAt(at)
        else word += script.charAt(++at) === "n" ? "\n" : script.charAt(at)
      }
    } else if (char === "\n" || char === ";") endInstruction()
    else if (char === " " || char === "\t") endWord()
    else word = (word ?? "") + char
  }
  endInstruction()
  return instructions
}

/** A word that reads back as this text. */
export const quote = (text: string): string =>
  `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`
