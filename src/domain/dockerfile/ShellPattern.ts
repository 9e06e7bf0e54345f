/**
 * The patterns of `${x#…}`, `${x%…}` and `${x/…/…}`: `*` is any text, `?` any one character, and `\*`, `\?` and `\\` are
 * those characters themselves. There are no classes, as there are none in BuildKit's.
 *
 * Unlike there, `*` and `?` match line ends, as in a shell.
 */

/** Pieces of characters, of which `undefined` is any one; a `*` stands between two. */
export interface ShellPattern {
  readonly pieces: ReadonlyArray<ReadonlyArray<string | undefined>>
}

/** How many characters may be compared and written for one text: some tenths of a second. */
export class Budget {
  private left = 50_000_000

  /** Whether the cost can be had. */
  spend(cost: number): boolean {
    this.left -= cost
    return this.left >= 0
  }

  get exceeded(): boolean {
    return this.left < 0
  }
}

/** The pattern that a text says, or the text of the escape that no pattern has. */
export const parse = (text: string): ShellPattern | string => {
  const characters = Array.from(text)
  const pieces: Array<Array<string | undefined>> = []
  let piece: Array<string | undefined> = []
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]
    if (character === "*") {
      pieces.push(piece)
      piece = []
    } else if (character === "?") piece.push(undefined)
    else if (character === "\\") {
      const next = characters[++at] ?? ""
      if (next === "" || !"*?\\}/".includes(next)) return `\\${next}`
      piece.push(next)
    } else piece.push(character)
  }
  pieces.push(piece)
  return { pieces }
}

/** Takes away what matches at the beginning: as much as can be where `greedy`, else as little. */
export const withoutPrefix = (pattern: ShellPattern, value: string, greedy: boolean, budget: Budget): string => {
  const characters = Array.from(value)
  const end = new Search(pattern, characters, budget).endFrom(0, greedy)
  return end === undefined ? value : characters.slice(end).join("")
}

/** The same at the end. */
export const withoutSuffix = (pattern: ShellPattern, value: string, greedy: boolean, budget: Budget): string => {
  const characters = Array.from(value).reverse()
  const backwards = { pieces: pattern.pieces.map((piece) => piece.toReversed()).toReversed() }
  const end = new Search(backwards, characters, budget).endFrom(0, greedy)
  return end === undefined ? value : characters.slice(end).reverse().join("")
}

/** Replaces what matches first, as much as can be, or all that match. */
export const replaced = (
  pattern: ShellPattern,
  value: string,
  replacement: string,
  all: boolean,
  budget: Budget
): string => {
  const characters = Array.from(value)
  const search = new Search(pattern, characters, budget)
  const parts: Array<string> = []
  let copied = 0
  let at = 0
  while (at <= characters.length) {
    const match = search.next(at)
    if (match === undefined) break
    parts.push(characters.slice(copied, match.start).join(""))
    // An empty match counts at the beginning, and nowhere right after another match.
    if (match.end > copied || match.start === 0) parts.push(replacement)
    if (!budget.spend(replacement.length)) break
    copied = match.end
    if (!all) break
    at = Math.max(at + 1, match.end)
  }
  parts.push(characters.slice(copied).join(""))
  return parts.join("")
}

class Search {
  private readonly first: ReadonlyArray<string | undefined>
  private readonly middle: ReadonlyArray<ReadonlyArray<string | undefined>>
  /** `undefined` where the pattern has no `*`. */
  private readonly last: ReadonlyArray<string | undefined> | undefined
  private readonly value: ReadonlyArray<string>
  private readonly budget: Budget

  constructor({ pieces }: ShellPattern, value: ReadonlyArray<string>, budget: Budget) {
    this.first = pieces[0] ?? []
    this.middle = pieces.slice(1, -1)
    this.last = pieces.length > 1 ? pieces.at(-1) : undefined
    this.value = value
    this.budget = budget
    budget.spend(value.length)
  }

  /** Where a match that begins at `start` ends. */
  endFrom(start: number, greedy: boolean): number | undefined {
    if (!this.matchesAt(this.first, start)) return undefined
    let end = start + this.first.length
    if (this.last === undefined) return end
    for (const piece of this.middle) {
      // A piece may as well be the first there is: what follows it finds the most room then.
      const found = this.find(piece, end)
      if (found === undefined) return undefined
      end = found + piece.length
    }
    const found = greedy ? this.findLast(this.last, end) : this.find(this.last, end)
    return found === undefined ? undefined : found + this.last.length
  }

  /** The first match at or after `from`, as long as can be. */
  next(from: number): { readonly start: number; readonly end: number } | undefined {
    // Where the first piece's first place does not do, no later one does.
    const start = this.find(this.first, from)
    const end = start === undefined ? undefined : this.endFrom(start, true)
    return start === undefined || end === undefined ? undefined : { start, end }
  }

  private find(piece: ReadonlyArray<string | undefined>, from: number): number | undefined {
    for (let at = from; at + piece.length <= this.value.length; at++) {
      if (this.matchesAt(piece, at)) return at
      if (this.budget.exceeded) return undefined
    }
    return undefined
  }

  private findLast(piece: ReadonlyArray<string | undefined>, from: number): number | undefined {
    for (let at = this.value.length - piece.length; at >= from; at--) {
      if (this.matchesAt(piece, at)) return at
      if (this.budget.exceeded) return undefined
    }
    return undefined
  }

  private matchesAt(piece: ReadonlyArray<string | undefined>, at: number): boolean {
    if (at + piece.length > this.value.length) return false
    let index = 0
    while (index < piece.length && (piece[index] === undefined || piece[index] === this.value[at + index])) index++
    this.budget.spend(index + 1)
    return index === piece.length
  }
}
