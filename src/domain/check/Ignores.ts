/**
 * Comments that leave rules out: `; check: ignore RULE…` before a part of a
 * spec, or at the end of its last line, for that part and all that is in it.
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

/** Whether a token is such a comment. */
export const isIgnore = (tokens: TokenTable.TokenTable, index: number): boolean => formOf(tokens, index) !== null

const formOf = (tokens: TokenTable.TokenTable, index: number): RegExpExecArray | null =>
  tokens.kind(index) === TokenTable.LINE_COMMENT ? form.exec(tokens.slice(index).slice(0, 1000)) : null

/** Whether a comment stands behind a list that ends on its line. */
export const isBehind = (tokens: TokenTable.TokenTable, comment: number): boolean =>
  comment > 0 && tokens.linesBefore(comment) === 0 && tokens.kind(comment - 1) === TokenTable.CLOSE

/** `rules` are the names of all that there are. As fast as sorting the comments is. */
export const read = (text: string, rules: ReadonlyArray<string>): Ignores => {
  const ranges = new Map<string, Array<Range>>()
  const wrong: Array<Wrong> = []
  // Most specs have none: their tokens need not be looked at.
  if (!/check:\s*ignore/.test(text)) return { ignored: () => false, wrong }
  const tokens = TokenTable.read(text)
  let next = 0
  for (let index = 0; index < tokens.length; index++) {
    const found = formOf(tokens, index)
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
    const range = isBehind(tokens, index) ? rangeOf(tokens, before(tokens, index)) : rangeOf(tokens, next)
    if (range === undefined) {
      wrong.push({
        ...place,
        message: "this comment ignores nothing: nothing follows it in its list",
        hint: "write it before what it is about, or at the end of its line"
      })
      continue
    }
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
  const merged = new Map([...ranges].map(([name, all]) => [name, outermost(all)]))
  return {
    ignored: (rule, offset) => within(merged.get(rule), offset),
    wrong
  }
}

/** What follows a comment and is none. */
const following = (tokens: TokenTable.TokenTable, comment: number): number => {
  let index = comment + 1
  while (index < tokens.length && tokens.isComment(index)) index++
  return index
}

/**
 * The operation, build or base that ends just before a comment, by its first
 * token. Lists around it may end there, too: fields in it, the specs that it is in.
 */
const before = (tokens: TokenTable.TokenTable, comment: number): number => {
  let close = comment - 1
  while (tokens.kind(close - 1) === TokenTable.CLOSE && tokens.linesBefore(close) === 0) close--
  let index = tokens.partner(close)
  while (++close < comment && !isSpec(tokens, tokens.partner(close))) index = tokens.partner(close)
  return index
}

/** Whether a list is a spec, by how it begins. */
const isSpec = (tokens: TokenTable.TokenTable, index: number): boolean => {
  const first = following(tokens, index)
  return first + 1 < tokens.length && /^"?(?:from|build)"?$/i.test(tokens.slice(first + 1))
}

/** Where an atom or a list stands; nowhere, if what follows the comment is the end of its list. */
const rangeOf = (tokens: TokenTable.TokenTable, index: number): Range | undefined => {
  const kind = tokens.kind(index)
  if (index === tokens.length || kind === TokenTable.CLOSE) return undefined
  return { start: tokens.start(index), end: tokens.end(kind === TokenTable.OPEN ? tokens.partner(index) : index) }
}

const add = (ranges: Map<string, Array<Range>>, name: string, range: Range): void => {
  const known = ranges.get(name) ?? []
  known.push(range)
  ranges.set(name, known)
}

/** Those that are within no other, in their order. */
const outermost = (ranges: ReadonlyArray<Range>): ReadonlyArray<Range> => {
  const kept: Array<Range> = []
  for (const range of [...ranges].sort((a, b) => a.start - b.start || b.end - a.end)) {
    if (range.start >= (kept.at(-1)?.end ?? 0)) kept.push(range)
  }
  return kept
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
