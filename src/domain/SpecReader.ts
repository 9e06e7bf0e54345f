/**
 * Reads a spec: `((build NAME SPEC)… (from BASE) OPERATION…)`.
 *
 * Accepts the texts that OBuilder accepts, and checks as it does that a copy
 * sees the build it takes from: builds before it in its own spec, and those
 * before each of the builds around it.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { OpContext } from "./OpContext.ts"
import * as OpReader from "./OpReader.ts"
import * as Problem from "./Problem.ts"
import * as SexpReader from "./SexpReader.ts"
import type { AtomNode, ListNode, SexpNode } from "./SexpNode.ts"
import * as Source from "./Source.ts"
import type { Span } from "./Span.ts"
import type { NestedBuild, Op, Spec } from "./Spec.ts"
import { fromProblem, type SpecError } from "./SpecError.ts"
import { type Read, rest, show, showNode, words, written } from "./SpecFields.ts"
import { suggest } from "./Suggestion.ts"

/** A spec, and where its parts stand in its text. */
export interface ParsedSpec {
  readonly spec: Spec
  /** How the user named the file. */
  readonly file: string
  readonly text: string
  /**
   * Of the operations, caches and secrets of `spec`, of each spec (its
   * `(from …)`), and of each nested build (up to its name). By identity.
   */
  readonly spans: ReadonlyMap<object, Span>
}

/** How deep builds may be nested in builds. */
export const deepest = 500

/** How long a text may be, in UTF-16 code units. */
export const longest = 100_000_000

export const tooLong: Problem.Problem = Problem.make(
  { start: 0, end: 0 },
  `this file is longer than ${longest / 1_000_000} million characters`,
  { expected: "a spec of a size that somebody could have written" }
)

const specUsage = "`((from BASE) OPERATION…)`"

/** Linear in the text's length. `file` is for messages alone. */
export const parse = (text: string, { file }: { readonly file: string }): Either.Either<ParsedSpec, SpecError> => {
  const source = Source.make(file, text)
  const reader = new SpecReader(source)
  return Either.mapBoth(
    Either.flatMap(readOne(text), (root) => reader.read(root)),
    {
      onLeft: (problem) => fromProblem(source, problem),
      onRight: (spec) => ({ spec, file, text, spans: reader.spans })
    }
  )
}

const readOne = (text: string): Read<SexpNode> =>
  text.length <= longest
    ? Either.mapLeft(SexpReader.read(text), (problem) => foreign(text) ?? problem)
    : Either.left(tooLong)

/** What a text is that is no spec for a reason which its first characters give away. */
const foreign = (text: string): Problem.Problem | undefined => {
  if (text.startsWith("\ufeff")) {
    return Problem.make({ start: 0, end: 1 }, "this file begins with a byte order mark", {
      expected: specUsage,
      hint: "save it as UTF-8 without a byte order mark"
    })
  }
  const instruction = dockerfileInstruction(text)
  if (instruction === undefined) return undefined
  return Problem.make({ start: instruction, end: instruction + 1 }, "this file looks like a Dockerfile", {
    expected: specUsage,
    hint: "a spec is written in parentheses: `FROM busybox` is `((from busybox))`; `obuilder import` makes one"
  })
}

/** Where the first line that is neither blank nor a comment begins as Dockerfiles do. */
const dockerfileInstruction = (text: string): number | undefined => {
  const lines = text.slice(0, 10_000).split("\n")
  const first = lines.findIndex((line) => line.trim() !== "" && !line.trimStart().startsWith("#"))
  const begins = /^\s*(?:FROM|ARG)\s/.test(lines[first] ?? "")
  return begins ? lines.slice(0, first).reduce((offset, line) => offset + line.length + 1, 0) : undefined
}

class SpecReader {
  readonly spans = new Map<object, Span>()
  private readonly source: Source.Source
  /** How many builds of each name can be seen at this point. */
  private readonly scope = new Map<string, number>()
  /** The names of all builds that have begun. */
  private readonly begun = new Set<string>()
  private readonly context: OpContext

  constructor(source: Source.Source) {
    this.source = source
    this.context = {
      buildInScope: (name, place) => this.inScope(name, place),
      located: (part, node) => this.locate(part, node)
    }
  }

  read(root: SexpNode): Read<Spec> {
    return this.spec(root, 0)
  }

  private locate(part: object, place: { readonly start: number; readonly end: number }): void {
    this.spans.set(part, this.source.span(place.start, place.end))
  }

  private spec(node: SexpNode, depth: number): Read<Spec> {
    if (node._tag === "Atom") {
      return Either.left(Problem.make(node, `${showNode(node)} where a spec belongs`, { expected: specUsage }))
    }
    const builds: Array<NestedBuild> = []
    const ops: Array<Op> = []
    let base: AtomNode | undefined
    let from: ListNode | undefined
    for (const item of node) {
      if (base !== undefined) {
        const op = OpReader.read(item, this.context)
        if (Either.isLeft(op)) return Either.left(op.left)
        ops.push(op.right)
        continue
      }
      const [head, name] = item._tag === "List" ? item : []
      if (item._tag === "Atom") return Either.left(bareItem(node, item))
      if (head?._tag !== "Atom") return Either.left(headless(item))
      if (head.value === "from") {
        const problem = wrongFrom(item)
        if (problem !== undefined || name?._tag !== "Atom") return Either.left(problem ?? noFrom(node))
        base = name
        from = item
      } else if (head.value === "build") {
        const build = this.build(item, depth)
        if (Either.isLeft(build)) return Either.left(build.left)
        builds.push(build.right)
        this.enter(build.right.name)
      } else {
        return Either.left(beforeFrom(item, head))
      }
    }
    if (base === undefined || from === undefined) return Either.left(noFrom(node))
    for (const build of builds) this.leave(build.name)
    const spec: Spec = { builds, from: base.value, ops }
    this.locate(spec, from)
    return Either.right(spec)
  }

  private build(list: ListNode, depth: number): Read<NestedBuild> {
    const [name, body, another] = rest(list)
    if (name?._tag !== "Atom" || body?._tag !== "List" || another !== undefined) return Either.left(wrongBuild(list))
    if (depth === deepest) {
      return Either.left(Problem.make(name, `builds are nested more than ${deepest} deep`))
    }
    this.begun.add(name.value)
    return Either.map(this.spec(body, depth + 1), (spec) => {
      const build: NestedBuild = { name: name.value, spec }
      this.locate(build, { start: list.start, end: name.end })
      return build
    })
  }

  private enter(name: string): void {
    this.scope.set(name, (this.scope.get(name) ?? 0) + 1)
  }

  private leave(name: string): void {
    const others = (this.scope.get(name) ?? 0) - 1
    if (others > 0) this.scope.set(name, others)
    else this.scope.delete(name)
  }

  private inScope(name: string, place: SexpNode): Read<void> {
    if (this.scope.has(name)) return Either.right(undefined)
    const names = [...this.scope.keys()]
    const visible = names.length === 0 ? "there is none before this copy" : `before this copy: ${listed(names)}`
    return Either.left(
      Problem.make(place, `no build ${show(name)} can be seen from here`, {
        expected: `the name of a nested build; ${visible}`,
        hint: this.begun.has(name)
          ? "a copy sees the finished builds of its own spec and of the specs around it, not those within them"
          : Option.getOrUndefined(Option.map(suggest(name, names), (near) => `did you mean ${show(near)}?`))
      })
    )
  }
}

const listed = (names: ReadonlyArray<string>): string => {
  const few = names.slice(0, 8).map(show).join(", ")
  return names.length > 8 ? `${few} and ${names.length - 8} more` : few
}

/** The end of a list, where what is missing in it would stand. */
const closing = (list: ListNode): { readonly start: number; readonly end: number } => ({
  start: list.end - 1,
  end: list.end
})

const noFrom = (spec: ListNode): Problem.Problem =>
  Problem.make(closing(spec), "the spec ends without a base", {
    expected: "`(from BASE)`",
    hint: "`(from BASE)` comes after the nested builds, and before the operations"
  })

const bareItem = (spec: ListNode, item: AtomNode): Problem.Problem => {
  const [head] = spec
  const wrapped =
    head?._tag === "Atom" && (head.value === "from" || head.value === "build") && head.start === item.start
  return Problem.make(item, `${showNode(item)} where \`(from BASE)\` belongs`, {
    expected: "`(from BASE)`, or a nested build before it",
    hint: wrapped ? "the whole spec stands in one more pair of parentheses: `((from BASE) …)`" : undefined
  })
}

const headless = (item: ListNode): Problem.Problem =>
  Problem.make(item, `${showNode(item)} where \`(from BASE)\` belongs`, {
    expected: "`(from BASE)`, or `(build NAME SPEC)` before it",
    hint: showNode(item).startsWith("`((") ? "take away one pair of parentheses" : undefined
  })

const wrongFrom = (list: ListNode): Problem.Problem | undefined => {
  const [base, another] = rest(list)
  if (base?._tag === "Atom" && another === undefined) return undefined
  const expected = "`(from BASE)`, where BASE names one base image"
  if (base === undefined) return Problem.make(list, "`from` has no base", { expected })
  if (base._tag === "List") return Problem.make(base, `${showNode(base)} where a base's name belongs`, { expected })
  return Problem.make(another ?? list, `\`from\` takes one base, and ${showNode(another ?? list)} is a second one`, {
    expected,
    hint: another?._tag === "List" ? "the `)` of `(from BASE)` comes before the operations" : undefined
  })
}

const wrongBuild = (list: ListNode): Problem.Problem => {
  const expected = "`(build NAME ((from BASE) OPERATION…))`"
  const [name, body, another] = rest(list)
  if (name === undefined || name._tag === "List") {
    return Problem.make(name ?? list, "this nested build has no name", { expected })
  }
  if (body === undefined) return Problem.make(list, `the build ${showNode(name)} has no spec`, { expected })
  const [inner] = body._tag === "List" ? body : []
  return Problem.make(
    another ?? body,
    `${showNode(another ?? body)} after the ${another === undefined ? "name" : "spec"} of the build ${showNode(name)}`,
    {
      expected,
      hint:
        inner?._tag === "Atom"
          ? "the build's own spec stands in one more pair of parentheses: `((from BASE) …)`"
          : undefined
    }
  )
}

/** A list that is neither `(from …)` nor `(build …)` before the spec has its base. */
const beforeFrom = (item: ListNode, head: AtomNode): Problem.Problem => {
  const name = head.value
  const expected = "`(from BASE)`, or `(build NAME SPEC)` before it"
  if (OpReader.names.includes(name.toLowerCase())) {
    return Problem.make(item, `${showNode(item)} before \`(from BASE)\``, {
      expected,
      hint: "a spec names its base first, and then its operations"
    })
  }
  const near = suggest(name, ["from", "build", ...OpReader.names])
  return Problem.make(head, `${showNode(head)} where \`from\` or \`build\` belongs`, {
    expected,
    hint: Option.getOrUndefined(
      Option.map(near, (word) =>
        word === "from" ? `did you mean \`(from ${written(words(rest(item)))})\`?` : `did you mean ${show(word)}?`
      )
    )
  })
}
