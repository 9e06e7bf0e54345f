/**
 * Reads words as BuildKit does, which reads them nearly as a shell: quotes, escapes, and variables with the modifiers
 * `-`, `+`, `?` (with `:` or without), `#`, `##`, `%`, `%%`, `/` and `//`.
 *
 * `Words.ts` has what others need of it; the modes that are not there serve to find here-documents.
 */
import * as Problem from "../Problem.ts"
import { show } from "../SpecFields.ts"
import { isBlank } from "./Blanks.ts"
import * as ShellPattern from "./ShellPattern.ts"

/** The value of a variable; `undefined` where it is not set. */
export type Lookup = (name: string) => string | undefined

export interface Mode {
  readonly escape: string
  /** Keeps quotes. */
  readonly rawQuotes?: boolean
  /** Keeps escape characters. */
  readonly rawEscapes?: boolean
  /** Leaves variables that are not set as they stand. */
  readonly keepUnset?: boolean
  /** Takes quotes for ordinary characters. */
  readonly plainQuotes?: boolean
  /** Takes every variable for empty, and complains of none. */
  readonly survey?: boolean
}

export interface Reading {
  /** As one word. */
  readonly word: string
  /** Split at the blanks that are neither quoted nor escaped, those of variables' values included. */
  readonly words: ReadonlyArray<string>
}

/** How deep modifiers may be nested in modifiers. */
const deepest = 100

/** How much longer than its text a word may become, in UTF-16 code units. */
export const longestGrowth = 1_000_000

/** Linear in the text's length and that of the values, patterns aside, which have a budget. Offsets of problems are into the text. */
export const read = (text: string, lookup: Lookup, mode: Mode): Reading | Problem.Problem =>
  new WordReader(text, lookup, mode).read()

export const isReading = (result: Reading | Problem.Problem): result is Reading => "words" in result

class WordReader {
  private readonly text: string
  private readonly lookup: Lookup
  private readonly mode: Mode
  private readonly limit: number
  private readonly budget = new ShellPattern.Budget()
  private readonly words: Array<string> = []
  private word = ""
  private at = 0
  private depth = 0
  private rawEscapes: boolean
  private problem: Problem.Problem | undefined

  constructor(text: string, lookup: Lookup, mode: Mode) {
    this.text = text
    this.lookup = lookup
    this.mode = mode
    this.limit = text.length + longestGrowth
    this.rawEscapes = mode.rawEscapes ?? false
  }

  read(): Reading | Problem.Problem {
    const word = this.until(undefined)
    if (this.word !== "") this.words.push(this.word)
    return this.problem ?? { word, words: this.words }
  }

  /** Reads up to `stop`, and past it; without one up to the text's end. Says nothing of use once there is a problem. */
  private until(stop: string | undefined): string {
    const start = this.at
    let result = ""
    while (this.problem === undefined && this.at < this.text.length) {
      const character = this.text.charAt(this.at)
      if (character === stop) {
        this.at++
        return result
      }
      const part = this.part(character)
      result += part
      if (result.length > this.limit) this.tooLong(start)
    }
    if (stop !== undefined) {
      const hint = stop === "/" ? "a pattern is replaced by `${NAME/PATTERN/REPLACEMENT}`" : undefined
      this.fail(start, this.text.length, `\`\${\` without ${show(stop)}`, hint)
    }
    return result
  }

  private part(character: string): string {
    if (character === "$") return this.split(this.dollar())
    if (character === "<") return this.joined(this.redirection())
    if (!this.mode.plainQuotes && character === "'") return this.joined(this.singleQuoted())
    if (!this.mode.plainQuotes && character === '"') return this.joined(this.doubleQuoted())
    if (character === this.mode.escape) {
      const next = this.text.charAt(this.at + 1)
      this.at += 2
      return this.joined(this.rawEscapes ? character + next : next)
    }
    this.at++
    return this.split(character)
  }

  /** A part of the word that is being read, whatever it holds. */
  private joined(part: string): string {
    if (this.depth === 0) this.word += part
    return part
  }

  /** A part whose blanks end words. */
  private split(part: string): string {
    if (this.depth > 0) return part
    let from = 0
    for (let at = 0; at < part.length; at++) {
      if (!isBlank(part.charCodeAt(at))) continue
      this.word += part.slice(from, at)
      if (this.word !== "") this.words.push(this.word)
      this.word = ""
      from = at + 1
    }
    this.word += part.slice(from)
    return part
  }

  /** Blanks after `<<` belong to the word. */
  private redirection(): string {
    const start = this.at++
    if (this.text.charAt(this.at) !== "<") return "<"
    this.at++
    while (" \t\r".includes(this.text.charAt(this.at) || "-")) this.at++
    return this.text.slice(start, this.at)
  }

  private singleQuoted(): string {
    const start = this.at
    const end = this.text.indexOf("'", start + 1)
    if (end < 0) return this.fail(start, start + 1, "a `'` without the one that ends it")
    this.at = end + 1
    return this.mode.rawQuotes ? this.text.slice(start, this.at) : this.text.slice(start + 1, end)
  }

  private doubleQuoted(): string {
    const start = this.at++
    const quote = this.mode.rawQuotes ? '"' : ""
    let result = quote
    while (this.problem === undefined && this.at < this.text.length) {
      const character = this.text.charAt(this.at)
      if (character === '"') {
        this.at++
        return result + quote
      }
      result += character === "$" ? this.dollar() : this.inQuotes(character)
      if (result.length > this.limit) this.tooLong(start)
    }
    return this.fail(start, start + 1, 'a `"` without the one that ends it')
  }

  /** In double quotes only quotes, dollars and escape characters can be escaped. */
  private inQuotes(character: string): string {
    this.at++
    if (character !== this.mode.escape) return character
    const next = this.text.charAt(this.at)
    const escapes = next === '"' || next === "$" || next === this.mode.escape
    if (escapes) this.at++
    if (next === "") return this.rawEscapes ? character : ""
    if (escapes) return this.rawEscapes ? character + next : next
    return this.rawEscapes ? character + character : character
  }

  private dollar(): string {
    const start = this.at++
    if (this.text.charAt(this.at) === "{") return this.braced(start)
    const name = this.name()
    if (name === "") return "$"
    const value = this.value(name)
    return value ?? (this.mode.keepUnset ? `$${name}` : "")
  }

  private braced(start: number): string {
    this.at++
    const first = this.text.charAt(this.at)
    if (first === "") return this.unclosed(start)
    if (first === "{" || first === "}" || first === ":") {
      return this.fail(start, this.at + 1, `${show(this.text.slice(start, this.at + 1))} names no variable`)
    }
    const name = this.name()
    const operator = this.text.charAt(this.at++)
    if (operator === "}") return this.value(name) ?? (this.mode.keepUnset ? `\${${name}}` : "")
    if (this.depth === deepest) return this.fail(start, this.at, `variables are nested more than ${deepest} deep`)
    this.depth++
    const result = this.modified(start, name, operator)
    this.depth--
    return result
  }

  private modified(start: number, name: string, operator: string): string {
    switch (operator) {
      case "":
        return this.unclosed(start)
      case "-":
      case "+":
      case "?":
        return this.conditional(start, name, operator, false)
      case ":": {
        const next = this.text.charAt(this.at++)
        if (next === "") return this.unclosed(start)
        if (next === "-" || next === "+" || next === "?") return this.conditional(start, name, next, true)
        return this.unknown(start, `:${next}`)
      }
      case "#":
      case "%":
        return this.trimmed(start, name, operator)
      case "/":
        return this.replaced(start, name)
      default:
        return this.unknown(start, operator)
    }
  }

  private conditional(start: number, name: string, operator: "-" | "+" | "?", nullIsUnset: boolean): string {
    const word = this.nested("}", false)
    const value = this.value(name)
    if (this.problem !== undefined || this.mode.survey) return ""
    if (value === undefined && this.mode.keepUnset) return `\${${name}${nullIsUnset ? ":" : ""}${operator}${word}}`
    const missing = value === undefined || (nullIsUnset && value === "")
    if (operator === "-") return missing ? word : value
    if (operator === "+") return missing ? "" : word
    if (!missing) return value
    const what = value === undefined ? "not set" : "empty"
    return this.fail(start, this.at, `${show(name)} is ${what}${word === "" ? "" : `: ${word}`}`)
  }

  private trimmed(start: number, name: string, operator: "#" | "%"): string {
    const word = this.nested("}", true)
    const value = this.value(name)
    if (this.problem !== undefined || this.mode.survey) return ""
    if (value === undefined && this.mode.keepUnset) return `\${${name}${operator}${word}}`
    const greedy = word.startsWith(operator)
    const pattern = this.pattern(start, greedy ? word.slice(1) : word)
    if (pattern === undefined) return ""
    const without = operator === "#" ? ShellPattern.withoutPrefix : ShellPattern.withoutSuffix
    return this.withinBudget(start, without(pattern, value ?? "", greedy, this.budget))
  }

  private replaced(start: number, name: string): string {
    const all = this.text.charAt(this.at) === "/"
    if (all) this.at++
    const word = this.nested("/", true)
    const replacement = this.problem === undefined ? this.nested("}", true) : ""
    const value = this.value(name)
    if (this.problem !== undefined || this.mode.survey) return ""
    if (value === undefined && this.mode.keepUnset) return `\${${name}/${word}/${replacement}}`
    const pattern = this.pattern(start, word)
    if (pattern === undefined) return ""
    const found = value ?? ""
    return this.withinBudget(start, ShellPattern.replaced(pattern, found, replacement, all, this.budget))
  }

  private nested(stop: string, rawEscapes: boolean): string {
    const before = this.rawEscapes
    this.rawEscapes = rawEscapes
    const word = this.until(stop)
    this.rawEscapes = before
    return word
  }

  private pattern(start: number, text: string): ShellPattern.ShellPattern | undefined {
    const pattern = ShellPattern.parse(text)
    if (typeof pattern !== "string") return pattern
    this.fail(
      start,
      this.at,
      `the pattern ${show(text)} has the escape ${show(pattern)}`,
      "only `*`, `?` and `\\` can be escaped in a pattern"
    )
    return undefined
  }

  private value(name: string): string | undefined {
    const value = this.lookup(name)
    return this.mode.survey ? "" : value
  }

  /** Letters, digits and `_`; digits alone where it begins with one; or one of the shell's special parameters. */
  private name(): string {
    const start = this.at
    const first = this.character()
    if (digit.test(first)) {
      while (digit.test(this.character())) this.at += this.character().length
    } else if (first !== "" && "@*#?-$!".includes(first)) this.at++
    else while (inName.test(this.character())) this.at += this.character().length
    return this.text.slice(start, this.at)
  }

  /** The whole character at this point; empty at the end. */
  private character(): string {
    const code = this.text.codePointAt(this.at)
    return code === undefined ? "" : String.fromCodePoint(code)
  }

  private withinBudget(start: number, result: string): string {
    return this.budget.exceeded ? this.fail(start, this.at, "matching this pattern takes too long") : result
  }

  private tooLong(start: number): string {
    return this.fail(
      start,
      this.at,
      `this word becomes longer than its text by more than ${longestGrowth / 1_000_000} million characters`
    )
  }

  private unclosed(start: number): string {
    return this.fail(start, this.text.length, "`${` without `}`")
  }

  private unknown(start: number, operator: string): string {
    return this.fail(
      start,
      this.at,
      `${show(operator)} after a variable's name`,
      "after the name stands `}`, or one of `:-`, `-`, `:+`, `+`, `:?`, `?`, `#`, `##`, `%`, `%%`, `/` and `//`"
    )
  }

  /** The first problem is the one that is told. */
  private fail(start: number, end: number, message: string, hint?: string): string {
    this.problem ??= Problem.make({ start, end: Math.min(end, this.text.length) }, message, { hint })
    return ""
  }
}

const digit = /^\p{Nd}$/u
const inName = /^[\p{L}\p{Nd}_]$/u
