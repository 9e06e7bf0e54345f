/** A spec as rules look at it: each spec in it with its operations, and what holds for each of them. */
import * as TokenTable from "../format/TokenTable.ts"
import { type NestedBuild, type Op, root, type Run, type Spec, type User } from "../Spec.ts"
import type { ParsedSpec } from "../SpecReader.ts"
import type { Edit } from "./Finding.ts"
import * as Ignores from "./Ignores.ts"

/** An operation, and what the ones before it have set. */
export interface Situated {
  readonly op: Op
  readonly user: User
  /** Absolute, with `/` between its parts. */
  readonly workdir: string
  /** A command's text is one for a Unix shell. */
  readonly isUnixShell: boolean
}

/** A spec, or one that is nested in it. */
export interface Stage {
  readonly spec: Spec
  /** `undefined` for the outermost. */
  readonly build: NestedBuild | undefined
  readonly ops: ReadonlyArray<Situated>
}

export interface Subject {
  readonly parsed: ParsedSpec
  /** Nested ones before the specs that they are nested in. */
  readonly stages: ReadonlyArray<Stage>
  /** What takes a part away that has a place, with what leaves rules out for it and the blanks after it. */
  readonly removal: (part: object) => Edit | undefined
  /** What adds a field to an operation, as its first one. */
  readonly addition: (part: object, field: string) => Edit | undefined
}

export const make = (parsed: ParsedSpec): Subject => {
  const stages: Array<Stage> = []
  // As deep as the reader lets builds be nested.
  const walk = (spec: Spec, build: NestedBuild | undefined): void => {
    for (const nested of spec.builds) walk(nested.spec, nested)
    stages.push({ spec, build, ops: situated(spec.ops) })
  }
  walk(parsed.spec, undefined)
  // Made when a fix is wanted: most specs have nothing to be fixed.
  let places: Places | undefined
  const place = (part: object): { readonly tokens: TokenTable.TokenTable; readonly index: number } | undefined => {
    places ??= placesOf(parsed.text)
    const index = places.byStart.get(parsed.spans.get(part)?.start.offset ?? -1)
    return index === undefined ? undefined : { tokens: places.tokens, index }
  }
  return {
    parsed,
    stages,
    removal: (part) => {
      const found = place(part)
      if (found === undefined) return undefined
      const { index, tokens } = found
      const close = tokens.partner(index)
      const behind = close + 1
      const ignores = behind < tokens.length && Ignores.isBehind(tokens, behind) && Ignores.isIgnore(tokens, behind)
      const last = ignores ? behind : close
      const next = last + 1 < tokens.length ? last + 1 : last
      // A comment on its line stays where it is, and so does a closing parenthesis.
      const isItem = tokens.kind(next) === TokenTable.OPEN || tokens.isComment(next)
      const first = withIgnores(tokens, index)
      return first === undefined
        ? undefined
        : { start: tokens.start(first), end: isItem ? tokens.start(next) : tokens.end(last), text: "" }
    },
    addition: (part, field) => {
      const found = place(part)
      if (found === undefined || found.tokens.kind(found.index + 1) !== TokenTable.ATOM) return undefined
      // With a capital, an operation has its fields in one more list.
      if (/^[A-Z"]/.test(found.tokens.slice(found.index + 1))) return undefined
      const at = found.tokens.end(found.index + 1)
      return { start: at, end: at, text: ` ${field}` }
    }
  }
}

/**
 * The first of the comments that leave rules out for a part alone: without it
 * they would be about the next one. `undefined` where another comment is
 * between them, which is for a person to look at.
 */
const withIgnores = (tokens: TokenTable.TokenTable, part: number): number | undefined => {
  const isBefore = (index: number): boolean => index >= 0 && tokens.isComment(index) && !Ignores.isBehind(tokens, index)
  let first = part
  while (isBefore(first - 1) && Ignores.isIgnore(tokens, first - 1)) first--
  for (let index = first - 1; isBefore(index); index--) {
    if (Ignores.isIgnore(tokens, index)) return undefined
  }
  return first
}

interface Places {
  readonly tokens: TokenTable.TokenTable
  /** The lists' first tokens, by their offsets. */
  readonly byStart: ReadonlyMap<number, number>
}

const placesOf = (text: string): Places => {
  const tokens = TokenTable.read(text)
  const byStart = new Map<number, number>()
  for (let index = 0; index < tokens.length; index++) {
    if (tokens.kind(index) === TokenTable.OPEN) byStart.set(tokens.start(index), index)
  }
  return { tokens, byStart }
}

const situated = (ops: ReadonlyArray<Op>): ReadonlyArray<Situated> => {
  let user: User = root
  let workdir = "/"
  let isUnixShell = true
  return ops.map((op) => {
    const here: Situated = { op, user, workdir, isUnixShell }
    if (op._tag === "User") user = op.user
    else if (op._tag === "Workdir") workdir = resolve(workdir, op.path)
    else if (op._tag === "Shell") isUnixShell = namesUnixShell(op.args)
    return here
  })
}

/** `/usr/bin/env bash -c` too. */
const namesUnixShell = (args: ReadonlyArray<string>): boolean =>
  args.some((word) => /^(?:ba|da|a|z|k)?sh$/.test(word.slice(word.lastIndexOf("/") + 1)))

/** The longest path that Linux takes: the planner refuses longer ones, and here they are as good as any. */
const PATH_MAX = 4096

/**
 * A path, seen from a directory that is one already, without its empty parts
 * and dots; the directory itself where that would be longer than any path is.
 * The directory is not read again: what it costs is the path's length.
 */
export const resolve = (directory: string, path: string): string => {
  if (path.length > PATH_MAX) return directory
  const isAbsolute = /^(?:[/\\]|[A-Za-z]:)/.test(path)
  const parts = path.split(/[/\\]/).filter((part) => part !== "" && part !== ".")
  if (isAbsolute) return `/${parts.join("/")}`
  if (parts.length === 0 || directory.length + path.length > PATH_MAX) return directory
  return `${directory === "/" ? "" : directory}/${parts.join("/")}`
}

/** The operations that run something, with what holds for them. */
export const runs = ({ ops }: Stage): ReadonlyArray<Situated & { readonly op: Run }> =>
  ops.flatMap((here) => (here.op._tag === "Run" ? [{ ...here, op: here.op }] : []))
