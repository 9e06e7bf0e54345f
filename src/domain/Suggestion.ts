/** "Did you mean …?" */
import * as Option from "effect/Option"

/** Longer words are not typing mistakes of short ones. */
const longest = 64

/**
 * The candidate that `word` is most likely a slip of: at most a third of its
 * letters (and at least one) inserted, deleted, replaced or swapped with their
 * neighbour, upper and lower case counting as equal. Of equally near ones the
 * first.
 */
export const suggest = (word: string, candidates: Iterable<string>): Option.Option<string> => {
  if (word.length > longest) return Option.none()
  let best: string | undefined
  let bestDistance = Infinity
  for (const candidate of candidates) {
    const allowed = Math.max(1, Math.floor(Math.max(word.length, candidate.length) / 3))
    if (Math.abs(word.length - candidate.length) > allowed) continue
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    // One letter for another says nothing about one-letter words.
    if (distance > allowed || distance >= bestDistance || distance === candidate.length) continue
    best = candidate
    bestDistance = distance
  }
  return Option.fromNullable(best)
}

/** The optimal string alignment distance. */
const editDistance = (a: string, b: string): number => {
  let beforePrevious: ReadonlyArray<number> = []
  let previous: ReadonlyArray<number> = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(previous, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const best = Math.min(replaced, at(previous, j) + 1, at(current, j - 1) + 1)
      current.push(swapped ? Math.min(best, at(beforePrevious, j - 2) + 1) : best)
    }
    beforePrevious = previous
    previous = current
  }
  return at(previous, b.length)
}

const at = (row: ReadonlyArray<number>, index: number): number => row[index] ?? Infinity
