/** Which steps of one chain became which of another: those that are the same, and those that are alike. Pure. */
import { type Facts, ownKey } from "./Explain.ts"
import { ALIKE, similarity } from "./Similarity.ts"

/** Places in the two chains; null for a step that only one of them has. */
export type Pairing = readonly [before: number | null, after: number | null]

/** More pairs of steps than this are not all compared for what is alike in them. */
const MOST_COMPARED = 40_000
/** Nor, above this, for being the same. */
const MOST_LOOKED_AT = 4_000_000

/** All steps of both, each once, in both orders. */
export const align = (before: ReadonlyArray<Facts>, after: ReadonlyArray<Facts>): ReadonlyArray<Pairing> => {
  const [a, b] = [before.map(ownKey), after.map(ownKey)]
  const least = Math.min(a.length, b.length)
  let begin = 0
  while (begin < least && a[begin] === b[begin]) begin++
  let end = 0
  while (end < least - begin && a[a.length - 1 - end] === b[b.length - 1 - end]) end++
  const [rows, columns] = [a.length - begin - end, b.length - begin - end]
  const weight = (row: number, column: number): number => {
    const [i, j] = [begin + row, begin + column]
    if (a[i] === b[j]) return 1
    const [one, other] = [before[i], after[j]]
    if (rows * columns > MOST_COMPARED || one === undefined || other === undefined) return 0
    // A chain has one base, which is what became of the other's.
    const value = one.step.kind === "base" && other.step.kind === "base" ? 0.5 : similarity(one, other)
    return value < ALIKE ? 0 : value
  }
  const middle = rows * columns > MOST_LOOKED_AT ? alongside(rows, columns) : heaviest(rows, columns, weight)
  return [
    ...Array.from({ length: begin }, (_, index): Pairing => [index, index]),
    ...middle.map(([i, j]): Pairing => [i === null ? null : begin + i, j === null ? null : begin + j]),
    ...Array.from({ length: end }, (_, index): Pairing => [a.length - end + index, b.length - end + index])
  ]
}

const alongside = (rows: number, columns: number): ReadonlyArray<Pairing> =>
  Array.from({ length: Math.max(rows, columns) }, (_, index) => [
    index < rows ? index : null,
    index < columns ? index : null
  ])

/** The common subsequence with the largest sum of weights. */
const heaviest = (
  rows: number,
  columns: number,
  weight: (row: number, column: number) => number
): ReadonlyArray<Pairing> => {
  const width = columns + 1
  /** Of what begins at a place of each. */
  const sums = new Float32Array((rows + 1) * width)
  const weights = new Float32Array(rows * columns)
  const sum = (i: number, j: number): number => sums[i * width + j] ?? 0
  for (let i = rows - 1; i >= 0; i--) {
    for (let j = columns - 1; j >= 0; j--) {
      const here = weight(i, j)
      weights[i * columns + j] = here
      const paired = here > 0 ? here + sum(i + 1, j + 1) : 0
      sums[i * width + j] = Math.max(paired, sum(i + 1, j), sum(i, j + 1))
    }
  }
  const found: Array<Pairing> = []
  let [i, j] = [0, 0]
  while (i < rows && j < columns) {
    const here = weights[i * columns + j] ?? 0
    if (here > 0 && sum(i, j) > sum(i + 1, j) && sum(i, j) > sum(i, j + 1)) found.push([i++, j++])
    else if (sum(i + 1, j) >= sum(i, j + 1)) found.push([i++, null])
    else found.push([null, j++])
  }
  while (i < rows) found.push([i++, null])
  while (j < columns) found.push([null, j++])
  return found
}
