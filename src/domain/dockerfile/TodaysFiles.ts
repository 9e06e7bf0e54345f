/**
 * What of an import holds for the files that are there today. A spec has no patterns: one that is kept as a text
 * means otherwise than its Dockerfile when a file is added that a pattern would have matched.
 */
import type { ContextCopy } from "./ContextCopies.ts"
import { isPattern } from "./ContextSources.ts"
import { nameEverywhere } from "./CopyExclude.ts"

/** More are counted only. */
const MOST_SHOWN = 5

/** `a, b and 3 more`. */
const listed = (texts: ReadonlyArray<string>): string => {
  const more = texts.length - MOST_SHOWN
  return `${texts.slice(0, MOST_SHOWN).join(", ")}${more > 0 ? ` and ${more} more` : ""}`
}

/** What is to be said of a source that is a pattern, with the paths that it names. */
export const ofPattern = (pattern: string, paths: ReadonlyArray<string>): string =>
  `${JSON.stringify(pattern)} matches ${paths.length === 0 ? "nothing" : listed(paths)} today`

/**
 * What is to be said of the copies that a directory came to, if anything: `patterns` leave something out of it,
 * those of `.dockerignore` by paths in the source directory. A name that is left out at any depth is so for good.
 */
export const ofDirectory = (
  directory: string,
  patterns: ReadonlyArray<string>,
  copies: ReadonlyArray<ContextCopy>
): string | undefined => {
  const [only, ...others] = copies
  const forGood = new Set(others.length === 0 ? only?.exclude : [])
  const rules = patterns.filter((pattern) => {
    const name = nameEverywhere(pattern)
    return (name === undefined || !forGood.has(name)) && mayTouch(pattern, directory)
  })
  if (rules.length === 0) return undefined
  const shown = directory === "" ? "." : directory
  return `${JSON.stringify(shown)} is copied without what is left out today by ${listed(rules.map((rule) => JSON.stringify(rule)))}`
}

/** Whether a pattern can match something in a directory, or the directory. */
const mayTouch = (pattern: string, directory: string): boolean => {
  const parts = pattern.replace(/^!/, "").split("/")
  for (const [index, name] of (directory === "" ? [] : directory.split("/")).entries()) {
    const part = parts[index]
    if (part === undefined || isPattern(part)) return true
    if (part !== name) return false
  }
  return true
}
