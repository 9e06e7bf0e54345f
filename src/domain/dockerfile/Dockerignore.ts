/**
 * `.dockerignore`: which files of a context are left out. As BuildKit reads it: the last pattern that matches a path, or a
 * directory that it is in, decides; `!` takes in again.
 */
import * as Either from "effect/Either"
import * as Problem from "../Problem.ts"
import { afterBlanks, beforeBlanks, trimmed } from "./Blanks.ts"
import * as IgnorePattern from "./IgnorePattern.ts"
import { Lines } from "./LogicalLine.ts"
import type { WordProblem } from "./Words.ts"

interface Rule {
  readonly exception: boolean
  readonly pattern: IgnorePattern.IgnorePattern
}

export interface Ignore {
  /** What cannot be read as a pattern and is left out of `rules`; offsets are into the text. BuildKit builds nothing then. */
  readonly problems: ReadonlyArray<WordProblem>
  readonly rules: ReadonlyArray<Rule>
  /** What is known of the directories that the path looked at last is in, outermost first. */
  readonly known: Array<Known>
}

/** Which rules match a directory or one around it. */
interface Known {
  readonly path: string
  readonly matched: ReadonlyArray<boolean>
}

/** How long the text may be, in UTF-16 code units, and how many patterns it may have: each path is held against all of them. */
export const longest = 200_000
export const mostPatterns = 10_000

export const parseIgnore = (text: string): Ignore => {
  const problems: Array<WordProblem> = []
  const rules: Array<Rule> = []
  const lines = new Lines(text, text.startsWith("\ufeff") ? 1 : 0)
  while (text.length <= longest && rules.length <= mostPatterns && lines.advance()) {
    const start = afterBlanks(text, lines.start, lines.end)
    const end = beforeBlanks(text, start, lines.end)
    // Only a `#` at the very beginning of a line begins a comment.
    if (start === end || text.charAt(lines.start) === "#") continue
    const rule = readRule(text.slice(start, end), start, end)
    if (Either.isRight(rule)) rules.push(rule.right)
    else problems.push(rule.left)
  }
  if (text.length > longest || rules.length > mostPatterns) {
    problems.push(
      Problem.make({ start: 0, end: 0 }, "this list of patterns is too long", {
        expected: `at most ${longest} characters and ${mostPatterns} patterns`
      })
    )
  }
  return { problems, rules, known: [] }
}

/** As they were read, with `!` before exceptions. */
export const patternsOf = ({ rules }: Ignore): ReadonlyArray<string> =>
  rules.map(({ exception, pattern }) => `${exception ? "!" : ""}${pattern.text}`)

const readRule = (line: string, start: number, end: number): Either.Either<Rule, WordProblem> => {
  const exception = line.startsWith("!")
  const written = exception ? trimmed(line.slice(1)) : line
  const cleaned = written === "" ? "" : IgnorePattern.clean(written)
  const text = cleaned.length > 1 || exception ? cleaned.replace(/^\//, "") : cleaned
  if (text === "") return Either.left(IgnorePattern.nothingExcepted(start, end))
  return Either.mapBoth(IgnorePattern.compile(text), {
    onLeft: (problem) => ({ ...problem, start, end }),
    onRight: (pattern) => ({ exception, pattern })
  })
}

/**
 * Whether a path is left out. It is relative to the context, with `/`, without `.` and `..`. Directories count as any
 * file; what is in one that is left out is, too, unless an exception says otherwise ({@link mayHoldExceptions}).
 *
 * Fast where paths are asked for in the order of a walk through the tree.
 */
export const isIgnored = (ignore: Ignore, path: string): boolean => {
  const { known, rules } = ignore
  if (rules.length === 0) return false
  while (known.length > 0 && !path.startsWith(`${known.at(-1)?.path ?? ""}/`)) known.pop()
  const around = known.at(-1)
  let at = around === undefined ? path.indexOf("/") : path.indexOf("/", around.path.length + 1)
  for (; at >= 0; at = path.indexOf("/", at + 1)) {
    const directory = path.slice(0, at)
    known.push({ path: directory, matched: matchRules(rules, directory, known.at(-1)?.matched).matched })
  }
  return matchRules(rules, path, known.at(-1)?.matched).ignored
}

const matchRules = (
  rules: ReadonlyArray<Rule>,
  path: string,
  around: ReadonlyArray<boolean> | undefined
): { readonly matched: ReadonlyArray<boolean>; readonly ignored: boolean } => {
  let ignored = false
  const matched = rules.map(({ exception, pattern }, index) => {
    // A rule that would change nothing is not looked at, and so does not count for what is in this directory.
    const matches = around?.[index] === true || (exception === ignored && pattern.matches(path))
    if (matches) ignored = !exception
    return matches
  })
  return { matched, ignored }
}

/** Whether something below a directory that is left out may be taken in again by a `!`. */
export const mayHoldExceptions = (ignore: Ignore, directory: string): boolean =>
  ignore.rules.some(({ exception, pattern }) => {
    if (!exception) return false
    const text = pattern.text.replace(/\/\*\*?$/, "")
    return /[*?[\]^\\]/.test(text) || `${text}/`.startsWith(`${directory}/`)
  })
