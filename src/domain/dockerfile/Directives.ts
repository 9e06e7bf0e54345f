/** Parser directives: lines like `# escape=` at the very top of a Dockerfile. */
import * as Either from "effect/Either"
import * as Problem from "../Problem.ts"
import { show } from "../SpecFields.ts"
import { afterBlanks, beforeBlanks } from "./Blanks.ts"
import type { Directive } from "./Dockerfile.ts"
import { Lines } from "./LogicalLine.ts"

export interface Directives {
  readonly directives: ReadonlyArray<Directive>
  readonly escape: "\\" | "`"
}

const names: ReadonlySet<string> = new Set(["syntax", "escape", "check"])

/** The first line that is none ends them: an instruction, an empty line, or any other comment. */
export const read = (source: string, from: number): Either.Either<Directives, Problem.Problem> => {
  const lines = new Lines(source, from)
  const directives: Array<Directive> = []
  let escape: "\\" | "`" = "\\"
  while (lines.advance()) {
    const directive = directiveOf(source, lines)
    if (directive === undefined) break
    const { name, value, range } = directive
    if (directives.some((earlier) => earlier.name === name)) {
      return Either.left(
        Problem.make(range, `a second ${show(name)} directive`, { expected: "each directive at most once" })
      )
    }
    if (name === "escape") {
      if (value !== "\\" && value !== "`") {
        return Either.left(
          Problem.make(range, `${show(value)} cannot be the escape character`, { expected: "`\\`, or a backquote" })
        )
      }
      escape = value
    }
    directives.push(directive)
  }
  return Either.right({ directives, escape })
}

const directiveOf = (source: string, lines: Lines): Directive | undefined => {
  const start = afterBlanks(source, lines.start, lines.end)
  if (source.charAt(start) !== "#" || start === lines.end) return undefined
  const end = beforeBlanks(source, start, lines.end)
  const equals = source.indexOf("=", start)
  if (equals < 0 || equals >= end) return undefined
  const nameStart = afterBlanks(source, start + 1, equals)
  // The longest name is short: nothing long is copied only to be looked up.
  const nameEnd = beforeBlanks(source, nameStart, equals)
  const name = source.slice(nameStart, Math.min(nameEnd, nameStart + 10)).toLowerCase()
  const value = source.slice(afterBlanks(source, equals + 1, end), end)
  return names.has(name) && value !== "" ? { name, value, range: { start, end } } : undefined
}
