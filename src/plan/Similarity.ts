/** How much two steps are alike: whether one may be what became of the other. Pure. */
import { explain, type Facts, ownKey } from "./Explain.ts"
import type { RunStep } from "./Plan.ts"

/** From this on, two steps are taken for one that was changed. */
export const ALIKE = 0.4

/** Characters of a command that are looked at. */
const LOOKED_AT = 4_096

/** From 0 to 1; 1 if and only if no input of their own is other. */
export const similarity = (a: Facts, b: Facts): number => {
  if (a.step.kind !== b.step.kind) return 0
  if (ownKey(a) === ownKey(b)) return 1
  return Math.min(0.99, sameness(a, b))
}

const sameness = (a: Facts, b: Facts): number => {
  const [one, other] = [a.step, b.step]
  if (one.kind === "base" && other.kind === "base") {
    return one.reference === other.reference
      ? 0.9
      : repository(one.reference) === repository(other.reference)
        ? 0.6
        : 0.2
  }
  if (one.kind === "run" && other.kind === "run") {
    return wordsInCommon(one, other) - PER_CHANGE * Math.min(MOST_CHANGES, explain(a, b).length)
  }
  if (one.kind === "copy" && other.kind === "copy") {
    const isSameSrc = JSON.stringify(one.src) === JSON.stringify(other.src)
    const isSameTarget = one.destination.path === other.destination.path
    const isSameFrom = JSON.stringify(from(a)) === JSON.stringify(from(b))
    return (isSameSrc ? 0.45 : 0) + (isSameTarget ? 0.45 : 0) + (isSameFrom ? 0.05 : 0)
  }
  return 0
}

/** So little that it only decides between steps with the same command. */
const PER_CHANGE = 0.005
const MOST_CHANGES = 40

const from = ({ step }: Facts): unknown =>
  step.kind === "copy" ? (step.source.from === "build" ? step.source.build : null) : null

/** A reference without its tag and digest. */
export const repository = (reference: string): string => reference.replace(/@[^@/]*$/, "").replace(/:[^:/]*$/, "")

/** The words that two commands have in common, as a part of all that they have (Dice's coefficient). */
const wordsInCommon = (a: RunStep, b: RunStep): number => {
  if (commandOf(a) === commandOf(b)) return 1
  const [as, bs] = [words(a), words(b)]
  const counts = new Map<string, number>()
  for (const word of as) counts.set(word, (counts.get(word) ?? 0) + 1)
  let common = 0
  for (const word of bs) {
    const left = counts.get(word) ?? 0
    if (left === 0) continue
    counts.set(word, left - 1)
    common++
  }
  return as.length + bs.length === 0 ? 0 : (2 * common) / (as.length + bs.length)
}

const commandOf = ({ argv }: RunStep): string => argv.at(-1) ?? ""

/** As for keys: a command is compared with many. */
const known = new WeakMap<RunStep, ReadonlyArray<string>>()

const words = (step: RunStep): ReadonlyArray<string> => {
  const found = known.get(step) ?? commandOf(step).slice(0, LOOKED_AT).match(/\w+/g) ?? []
  known.set(step, found)
  return found
}
