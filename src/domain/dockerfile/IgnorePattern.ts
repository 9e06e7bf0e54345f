/**
 * A pattern of a `.dockerignore`, as moby's patternmatcher matches it: as {@link Glob}, and `**` for any number of
 * directories.
 *
 * Takes time in proportion to the pattern's length times the path's, whatever they hold.
 */
import * as Either from "effect/Either"
import * as Problem from "../Problem.ts"
import * as Glob from "./Glob.ts"
import type { WordProblem } from "./Words.ts"

/** `Rest` is any text; `Maybe` and `Directories` together are nothing, or any text with a `/` at its end. */
type Token = Glob.GlobToken | { readonly _tag: "Rest" } | { readonly _tag: "Maybe" } | { readonly _tag: "Directories" }

export interface IgnorePattern {
  /** Without `!`, and made shortest: no `.`, no `a/..`, no `/` at either end. */
  readonly text: string
  readonly matches: (path: string) => boolean
}

const slash = 0x2f

/** Reads a pattern, which must be made shortest and without `!`. */
export const compile = (text: string): Either.Either<IgnorePattern, WordProblem> => {
  // Patterns that Go's `filepath.Match` refuses are refused, `**` or not.
  const checked = Glob.compile(text)
  if (Either.isLeft(checked)) return Either.left(checked.left)
  if (!/[*?[\]\\]/.test(text)) return Either.right({ text, matches: (path) => path === text })
  const below = /^\*\*\/([^*?[\]\\]+)$/.exec(text)?.[1]
  if (below !== undefined)
    return Either.right({ text, matches: (path) => path === below || path.endsWith(`/${below}`) })
  const tokens = tokensOf(text)
  const [prefix = ""] = text.split(/[*?[\]\\]/, 1)
  // Most paths differ at an end. The `/` after `**` may be missing.
  const suffix = text.replace(/^.*[*?[\]\\]/s, "").replace(/^\//, "")
  return Either.right({
    text,
    matches: (path) => path.startsWith(prefix) && path.endsWith(suffix) && simulate(tokens, path)
  })
}

const tokensOf = (text: string): ReadonlyArray<Token> => {
  // Without any other wildcard a `**` at the beginning need not end at a `/`.
  const suffix = /^\*\*([^/*?[\]\\][^*?[\]\\]*)$/.exec(text)?.[1]
  if (suffix !== undefined) {
    return [
      { _tag: "Rest" },
      ...Array.from(suffix, (character): Token => ({ _tag: "Character", code: Glob.codeOf(character) }))
    ]
  }
  const tokens: Array<Token> = []
  let at = 0
  while (at < text.length) {
    if (text.startsWith("**", at)) {
      at += text.charAt(at + 2) === "/" ? 3 : 2
      if (at === text.length) tokens.push({ _tag: "Rest" })
      else if (tokens.at(-1)?._tag !== "Directories") tokens.push({ _tag: "Maybe" }, { _tag: "Directories" })
    } else if (text.charAt(at) === "*") {
      tokens.push({ _tag: "Star" })
      at++
    } else if (text.charAt(at) === "?") {
      tokens.push({ _tag: "Any" })
      at++
    } else {
      const one = Glob.readOne(text, at)
      if (Either.isLeft(one)) return tokens
      tokens.push(one.right.token)
      at = one.right.end
    }
  }
  return tokens
}

/** Follows all ways through the tokens at once. */
const simulate = (tokens: ReadonlyArray<Token>, path: string): boolean => {
  const ways = new Ways(tokens)
  ways.enter(0)
  for (let at = 0; at < path.length;) {
    const code = path.codePointAt(at) ?? 0
    if (!ways.take(code)) return false
    at += code > 0xffff ? 2 : 1
  }
  return ways.finished
}

/** The tokens that are waited at, each once. */
class Ways {
  private readonly tokens: ReadonlyArray<Token>
  /** In which round each token was last entered. */
  private readonly entered: Uint32Array
  private round = 1
  private current: Array<number> = []
  private next: Array<number> = []

  constructor(tokens: ReadonlyArray<Token>) {
    this.tokens = tokens
    this.entered = new Uint32Array(tokens.length + 1)
  }

  get finished(): boolean {
    return this.entered[this.tokens.length] === this.round
  }

  /** Waits at a token too, and at those that are reached from it without a character. */
  enter(from: number): void {
    for (let state = from; this.entered[state] !== this.round; state++) {
      this.entered[state] = this.round
      this.current.push(state)
      const kind = this.tokens[state]?._tag
      if (kind === "Maybe") this.enter(state + 2)
      else if (kind !== "Star" && kind !== "Rest") return
    }
  }

  /** Goes on by one character; false where no way is left. */
  take(code: number): boolean {
    const before = this.current
    this.current = this.next
    this.current.length = 0
    this.next = before
    this.round++
    for (const state of before) {
      const token = this.tokens[state]
      if (token !== undefined) this.step(token, state, code)
    }
    return this.current.length > 0
  }

  private step(token: Token, state: number, code: number): void {
    switch (token._tag) {
      case "Maybe":
        return
      case "Rest":
        return this.enter(state)
      case "Directories":
        this.enter(state)
        return code === slash ? this.enter(state + 1) : undefined
      case "Star":
        return code === slash ? undefined : this.enter(state)
      default:
        return Glob.takes(token, code) ? this.enter(state + 1) : undefined
    }
  }
}

/** A path made shortest, as Go's `filepath.Clean` makes it. */
export const clean = (path: string): string => {
  const rooted = path.startsWith("/")
  const parts: Array<string> = []
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue
    if (part !== "..") parts.push(part)
    else if (parts.length > 0 && parts.at(-1) !== "..") parts.pop()
    else if (!rooted) parts.push(part)
  }
  const cleaned = `${rooted ? "/" : ""}${parts.join("/")}`
  return cleaned === "" ? "." : cleaned
}

/** What is wrong with a lone `!`. */
export const nothingExcepted = (start: number, end: number): WordProblem =>
  Problem.make({ start, end }, "a `!` with no pattern after it", { expected: "`!PATTERN`" })
