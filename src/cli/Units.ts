/** Sizes and times as people write and read them. Pure. */
import * as Either from "effect/Either"
import type { Decode } from "./Flag.ts"

const UNITS = ["", "k", "m", "g", "t"]

const bytesIn = (text: string): number => {
  const match = /^([0-9]+)([kmgt]?)(?:i?b)?$/i.exec(text)
  return match === null ? Number.NaN : Number(match[1]) * 1024 ** UNITS.indexOf((match[2] ?? "").toLowerCase())
}

const sizeFrom =
  (least: number): Decode<number> =>
  (value) => {
    const bytes = bytesIn(value)
    return Number.isSafeInteger(bytes) && bytes >= least
      ? Either.right(bytes)
      : Either.left(`must be a size such as 512M or 2G, not ${JSON.stringify(value)}`)
  }

/** Bytes, at least one: a whole number, with `k`, `m`, `g` or `t` for powers of 1024. */
export const size = sizeFrom(1)

/** The same, or nothing at all. */
export const sizeOrNone = sizeFrom(0)

const SECOND = 1000
const SPANS = { s: SECOND, m: 60 * SECOND, h: 3600 * SECOND, d: 24 * 3600 * SECOND, w: 7 * 24 * 3600 * SECOND }

/** Milliseconds: whole numbers of weeks, days, hours, minutes and seconds, the larger ones first. */
export const age: Decode<number> = (value) => {
  const parts = [...value.matchAll(/([0-9]+)([smhdw])/g)]
  const milliseconds = parts.reduce(
    (sum, [, count, unit]) => sum + Number(count) * SPANS[unit as keyof typeof SPANS],
    0
  )
  return parts.length > 0 && parts.map(([all]) => all).join("") === value && Number.isSafeInteger(milliseconds)
    ? Either.right(milliseconds)
    : Either.left(`must be a time such as 12h, 7d or 1d12h, not ${JSON.stringify(value)}`)
}

/** `1.5 GiB`. */
export const bytes = (count: number): string => {
  let [value, unit] = [count, 0]
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  const name = unit === 0 ? "B" : `${(UNITS[unit] ?? "").toUpperCase()}iB`
  return `${unit === 0 || value >= 99.95 ? value.toFixed(0) : value.toFixed(1)} ${name}`
}

const NAMES: ReadonlyArray<readonly [name: string, milliseconds: number]> = [
  ["week", SPANS.w],
  ["day", SPANS.d],
  ["hour", SPANS.h],
  ["minute", SPANS.m],
  ["second", SPANS.s]
]

/** `3 minutes ago`: milliseconds, in the largest unit that they fill. */
export const ago = (milliseconds: number): string => {
  const found = NAMES.find(([, span]) => milliseconds >= span)
  return found === undefined ? "just now" : `${counted(Math.floor(milliseconds / found[1]), found[0])} ago`
}

/** `1 step`, `2 steps`. */
export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`
