/**
 * Comments that leave rules out: `; check: ignore RULE…` before a part of a
 * spec, for that part and all that is in it.
 */
import { show } from "../SpecFields.ts"
import { suggest } from "../Suggestion.ts"
import * as Option from "effect/Option"
import * as TokenTable from "../format/TokenTable.ts"

export interface Ignores {
  /** Whether a rule is left out at an offset. */
  readonly ignored: (rule: string, offset: number) => boolean
  /** Comments that name no rule: where they stand, and what is wrong. */
  readonly wrong: ReadonlyArray<Wrong>
}

export interface Wrong {
  readonly start: number
  readonly end: number
  readonly message: string
  readonly hint: string | undefined
}

interface Range {
  readonly start: number
  readonly end: number
}

const form = /^;+\s*check:\s*ignore(?:\s(.*))?$/

/** `rules` are the names of all that there are. Linear in the text's length, for comments that do not nest. */
export const read = (text: string, rules: ReadonlyArray<string>): Ignores => {
  const ranges = new Map<string, Array<Range>>()
  const wrong: Array<Wrong> = []
  // Most specs have none: their tokens need not be looked at.
  if (!/check:\s*ignore/.test(text)) return { ignored: () => false, wrong }
  const tokens = TokenTable.read(text)
  let next = 0
  for (let index = 0; index < tokens.length; index++) {
    if (tokens.kind(index) !== TokenTable.LINE_COMMENT) continue
    const found = form.exec(tokens.slice(index).slice(0, 1000))
    if (found === null) continue
    const place = { start: tokens.start(index), end: tokens.end(index) }
    const names = (found[1] ?? "")
      .split(/[\s,]+/)
      .filter((name) => name !== "")
      .slice(0, 20)
    if (names.length === 0)
      wrong.push({ ...place, message: "this comment names no rule to ignore", hint: "write `; check: ignore RULE`" })
    // Many comments may stand before one part.
    if (next <= index) next = following(tokens, index)
    const range = rangeOf(tokens, next)
    for (const name of names) {
      if (rules.includes(name)) add(ranges, name, range)
      else {
        const near = Option.getOrUndefined(suggest(name, rules))
        wrong.push({
          ...place,
          message: `there is no rule ${show(name)}`,
          hint: near === undefined ? undefined : `did you mean ${show(near)}?`
        })
      }
    }
  }
  return {
    ignored: (rule, offset) => within(ranges.get(rule), offset),
    wrong
  }
}

/** What follows a comment and is none. */
const following = (tokens: TokenTable.TokenTable, comment: number): number => {
  let index = comment + 1
  while (index < tokens.length && tokens.isComment(index)) index++
  return index
}

/** Where an atom or a list stands; nowhere, if what follows the comment is the end of its list. */
const rangeOf = (tokens: TokenTable.TokenTable, index: number): Range | undefined => {
  const kind = tokens.kind(index)
  if (index === tokens.length || kind === TokenTable.CLOSE) return undefined
  return { start: tokens.start(index), end: tokens.end(kind === TokenTable.OPEN ? tokens.partner(index) : index) }
}

/** Ranges come in the order in which they begin; one within the last adds nothing to it. */
const add = (ranges: Map<string, Array<Range>>, name: string, range: Range | undefined): void => {
  const known = ranges.get(name) ?? []
  const last = known.at(-1)
  if (range !== undefined && (last === undefined || range.start >= last.end)) known.push(range)
  ranges.set(name, known)
}

const within = (ranges: ReadonlyArray<Range> = [], offset: number): boolean => {
  let [low, high] = [0, ranges.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ranges[middle]?.end ?? 0) <= offset) low = middle + 1
    else high = middle
  }
  const range = ranges[low]
  return range !== undefined && range.start <= offset
}
