/**
 * Specs built in code as data: each spec that another one copies from, or
 * requires, becomes a nested build of the outermost spec, once, with a name of
 * its own, before whatever needs it.
 *
 * What comes out is what the reader would give of its text.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { InvalidSpec, placeOf } from "./InvalidSpec.ts"
import type { Copy, NestedBuild, Op, Spec } from "./Spec.ts"
import { deepest, type ParsedSpec } from "./SpecReader.ts"
import type { Draft, SpecValue } from "./SpecValue.ts"
import { isId } from "./UserReader.ts"
import { isEncodable } from "./Utf8.ts"

export type Made<A> = Either.Either<A, InvalidSpec>

/** Values do not change, and so what they come to does not. */
const known = new WeakMap<SpecValue, Made<Spec>>()

export const make = (spec: SpecValue): Made<Spec> => {
  const before = known.get(spec)
  if (before !== undefined) return before
  const made = makeAnew(spec)
  known.set(spec, made)
  return made
}

const makeAnew = (spec: SpecValue): Made<Spec> => {
  const drafts = new Map<SpecValue, ReadonlyArray<Draft>>()
  const nested = inOrder(spec, drafts)
  const names = namesOf(nested, spec)
  const data = (one: SpecValue): Made<Spec> => {
    const { start } = one
    const own = drafts.get(one) ?? []
    const wrong = depthOf(start) > deepest - (one === spec ? 0 : 1)
    if (wrong) return fail(start, `builds are nested more than ${deepest} deep`)
    const base = one.parsed === undefined ? text(start.from, "the base", start) : undefined
    if (base !== undefined) return Either.left(base)
    const ops = [...start.ops]
    for (const draft of own) {
      if (draft._tag === "Requires") continue
      const op = finish(draft, names)
      const fault = faultOf(op)
      if (fault !== undefined) return Either.left(fault)
      ops.push(op)
    }
    // What was read and got nothing more stays what it was, so that its parts are known by identity.
    return Either.right(ops.length === start.ops.length ? start : { ...start, ops })
  }
  const builds: Array<NestedBuild> = []
  for (const one of nested) {
    const name = names.get(one) ?? ""
    const made = Either.flatMap(data(one), (made) =>
      Either.mapBoth(wellFormed(name, "the name of a nested build", made), {
        onLeft: (wrong) => wrong,
        onRight: () => builds.push({ name, spec: made })
      })
    )
    if (Either.isLeft(made)) return Either.left(made.left)
  }
  return Either.map(data(spec), (main) =>
    builds.length === 0 ? main : { ...main, builds: [...builds, ...main.builds] }
  )
}

/** What was read of a spec and of those that it needs. */
export const parsedIn = (spec: SpecValue): ReadonlyArray<ParsedSpec> => {
  const all = [...inOrder(spec, new Map()), spec]
  return all.flatMap(({ parsed }) => (parsed === undefined ? [] : [parsed]))
}

/**
 * The specs that are needed, each once, after those that it needs itself, and as
 * early as it is first needed. Without recursion: chains of specs have no bound here.
 */
const inOrder = (spec: SpecValue, drafts: Map<SpecValue, ReadonlyArray<Draft>>): ReadonlyArray<SpecValue> => {
  const order: Array<SpecValue> = []
  const seen = new Set([spec])
  const enter = (one: SpecValue) => {
    const added = one.added
    drafts.set(one, added)
    return { one, needs: added.flatMap(needOf), next: 0 }
  }
  const open = [enter(spec)]
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const need = top.needs[top.next++]
    if (need === undefined) {
      open.pop()
      order.push(top.one)
    } else if (!seen.has(need)) {
      seen.add(need)
      open.push(enter(need))
    }
  }
  return order.slice(0, -1)
}

const needOf = (draft: Draft): ReadonlyArray<SpecValue> => {
  if (draft._tag === "Requires") return [draft.spec]
  return draft._tag === "Copy" && draft.from !== undefined ? [draft.from] : []
}

/**
 * Who comes first among those that want the same name gets it. No name is one
 * that a spec which was read has for a build of its own: that one would be meant.
 */
const namesOf = (nested: ReadonlyArray<SpecValue>, main: SpecValue): ReadonlyMap<SpecValue, string> => {
  const names = new Map<SpecValue, string>()
  const reserved = new Set([...nested, main].flatMap(({ start }) => start.builds.map(({ name }) => name)))
  const wishes = nested.flatMap(({ wish }) => (wish === undefined ? [] : [wish]))
  const taken = new Set([...reserved, ...wishes])
  const given = new Set<string>()
  const counts = new Map<string, number>()
  const fresh = (wish: string, first: number): string => {
    let count = counts.get(wish) ?? first
    while (taken.has(`${wish}-${count}`)) count++
    counts.set(wish, count + 1)
    taken.add(`${wish}-${count}`)
    return `${wish}-${count}`
  }
  for (const one of nested) {
    const { wish } = one
    const isFree = wish !== undefined && !reserved.has(wish) && !given.has(wish)
    const name = wish === undefined ? fresh("build", 1) : isFree ? wish : fresh(wish, 2)
    given.add(name)
    names.set(one, name)
  }
  return names
}

const finish = (draft: Exclude<Draft, { readonly _tag: "Requires" }>, names: ReadonlyMap<SpecValue, string>): Op => {
  if (draft._tag !== "Copy") return draft
  const from: Copy["from"] =
    draft.from === undefined ? { _tag: "Context" } : { _tag: "Build", name: names.get(draft.from) ?? "" }
  return { ...draft, from }
}

/** How deep builds are nested in a spec; no deeper than the reader allows, or one more. */
const depthOf = ({ builds }: Spec): number => {
  let [depth, level] = [0, builds]
  while (level.length > 0 && depth <= deepest) {
    depth++
    level = level.flatMap(({ spec }) => spec.builds)
  }
  return depth
}

/** What of an operation no text of a spec can say. */
const faultOf = (op: Op): InvalidSpec | undefined => {
  if (op._tag === "User" && op.user._tag === "Unix") {
    const { gid, uid } = op.user
    const wrong = isId(uid) ? (isId(gid) ? undefined : "gid") : "uid"
    return wrong === undefined
      ? undefined
      : new InvalidSpec({
          message: `a ${wrong} is a whole number`,
          hint: Option.none(),
          place: `(user (uid ${String(uid)}) (gid ${String(gid)}))`
        })
  }
  if (op._tag === "Copy" && op.from._tag === "Context" && op.preserve?.includes("owners") === true) {
    return new InvalidSpec({
      message: "the owners of files in the source directory mean nothing in an image",
      hint: Option.some("preserve owners of what is copied from another spec"),
      place: "(preserve owners)"
    })
  }
  for (const [what, value] of textsOf(op)) {
    const wrong = text(value, what, op)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

type Named = readonly [what: string, value: string]

const all = (what: string, values: ReadonlyArray<string>): ReadonlyArray<Named> => values.map((value) => [what, value])

const textsOf = (op: Op): ReadonlyArray<Named> => {
  switch (op._tag) {
    case "Comment":
      return [["the comment", op.text]]
    case "Workdir":
      return [["the path", op.path]]
    case "Shell":
      return all("an argument", op.args)
    case "Env":
      return [
        ["the name", op.name],
        ["the value", op.value]
      ]
    case "User":
      return op.user._tag === "Named" ? [["the name", op.user.name]] : []
    case "Copy":
      return [...all("src", op.src), ["dst", op.dst], ...all("exclude", op.exclude)]
    case "Run":
      return [
        ["the command", op.shell],
        ...all("the network", op.network),
        ...[...op.cache, ...op.secrets].flatMap(({ buildkitOptions, id, target }): ReadonlyArray<Named> => [
          ["the id of a mount", id],
          ["the target of a mount", target],
          ...buildkitOptions.flatMap(({ name, value }) => all("an option of a mount", [name, value]))
        ])
      ]
  }
}

const text = (value: unknown, what: string, node: Op | Spec): InvalidSpec | undefined =>
  Option.getOrUndefined(Either.getLeft(wellFormed(value, what, node)))

/** Whoever writes JavaScript may give what is no text at all. */
const wellFormed = (value: unknown, what: string, node: Op | Spec): Made<void> => {
  if (typeof value !== "string") {
    const place = "_tag" in node ? `(${node._tag.toLowerCase()} …)` : "(from …)"
    return Either.left(new InvalidSpec({ message: `${what} is not a text`, hint: Option.none(), place }))
  }
  return isEncodable(value)
    ? Either.right(undefined)
    : fail(node, `${what} has half a character, which no file can hold`, "cut texts between characters")
}

const fail = (node: Op | Spec, message: string, hint?: string): Made<never> =>
  Either.left(new InvalidSpec({ message, hint: Option.fromNullable(hint), place: placeOf(node) }))
