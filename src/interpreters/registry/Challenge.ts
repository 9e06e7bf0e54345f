/** What a registry asks for before it answers: the header `WWW-Authenticate`, RFC 9110, section 11. */

export interface Challenge {
  /** In lower case: `basic`, `bearer`. */
  readonly scheme: string
  /** By their names in lower case. */
  readonly parameters: ReadonlyMap<string, string>
}

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y
const QUOTED = /"((?:[^"\\]|\\.)*)"/y

/** All challenges in a header, in order. Total: it ends where it can make nothing of the text any more. */
export const parse = (header: string): ReadonlyArray<Challenge> => {
  const challenges: Array<{ readonly scheme: string; readonly parameters: Map<string, string> }> = []
  let at = 0
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(header)
    if (found === null) return undefined
    at = pattern.lastIndex
    return found[1] ?? found[0]
  }
  for (;;) {
    take(/[\s,]*/y)
    const name = take(TOKEN)
    if (name === undefined) return challenges
    const current = challenges.at(-1)
    if (current !== undefined && take(/\s*=\s*/y) !== undefined) {
      const value = take(QUOTED)?.replaceAll(/\\(.)/g, "$1") ?? take(TOKEN)
      if (value === undefined) return challenges
      current.parameters.set(name.toLowerCase(), value)
    } else challenges.push({ scheme: name.toLowerCase(), parameters: new Map() })
  }
}
