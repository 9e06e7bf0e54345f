/**
 * The shapes that the spec language is made of: texts, lists of texts, and
 * records, which are lists of `(NAME VALUE…)`.
 *
 * They take what OBuilder's converters take (ppx_sexp_conv's records: fields in
 * any order, none twice, no others), and say more about what they refuse.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { clipped, visible } from "./DisplayText.ts"
import * as Problem from "./Problem.ts"
import type { AtomNode, ListNode, SexpNode } from "./SexpNode.ts"
import { suggest } from "./Suggestion.ts"

export type Read<A> = Either.Either<A, Problem.Problem>

/** How much of a text from the file a message repeats, in UTF-16 code units. */
const longest = 40

/** A text from the file, in a message. */
export const show = (text: string): string => `\`${visible(clipped(text, longest))}\``

/** A node, in a message: an atom's text, or how a list begins. */
export const showNode = (node: SexpNode): string => {
  if (node._tag === "Atom") return show(node.value)
  const [head] = node
  if (head === undefined) return "`()`"
  return head._tag === "Atom" ? `\`(${visible(clipped(head.value, longest))} …)\`` : "`((…) …)`"
}

/** A text as somebody would write it in a spec, for a hint: in quotes where it must be. */
export const written = (text: string): string => {
  const short = clipped(text, longest)
  return /^[^\s"()\\;|#]+$/.test(short) ? visible(short) : quoted(text)
}

/** {@link written}, in quotes in any case. */
export const quoted = (text: string): string => `"${visible(clipped(text, longest).replaceAll(/["\\]/g, "\\$&"))}"`

/** No more nodes than a hint could show: there may be millions. */
export const few = (nodes: Iterable<SexpNode>): ReadonlyArray<SexpNode> => {
  const taken: Array<SexpNode> = []
  for (const node of nodes) {
    taken.push(node)
    if (taken.length === longest) break
  }
  return taken
}

/** The texts of the first few atoms, joined as a shell would have them. */
export const words = (nodes: Iterable<SexpNode>): string =>
  few(nodes)
    .flatMap((node) => (node._tag === "Atom" ? [node.value] : []))
    .join(" ")

/** What follows a list's head. */
export function* rest(list: ListNode): Generator<SexpNode, void, undefined> {
  let head = true
  for (const item of list) {
    if (!head) yield item
    head = false
  }
}

/** Names in a message: `` `a`, `b` or `c` ``. */
export const oneOf = (names: ReadonlyArray<string>): string => {
  const shown = names.map(show)
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} or ${shown.slice(-1).join("")}`
}

const notText = (node: ListNode, usage: string): Problem.Problem =>
  Problem.make(node, `${showNode(node)} where a text belongs`, { expected: usage })

/** The text that `(name TEXT)` holds. */
export const text = (list: ListNode, name: string, usage: string): Read<string> => {
  const [value, another] = rest(list)
  if (value === undefined) return Either.left(Problem.make(list, `${show(name)} has no value`, { expected: usage }))
  if (value._tag === "List") return Either.left(notText(value, usage))
  if (another === undefined) return Either.right(value.value)
  return Either.left(
    Problem.make(another, `${show(name)} takes one value, and ${showNode(another)} is a second one`, {
      expected: usage,
      hint:
        another._tag === "Atom"
          ? `a text with blanks stands in quotes: \`(${name} ${quoted(words(rest(list)))})\``
          : undefined
    })
  )
}

/** The texts that `(name TEXT…)` holds; there may be none. */
export const texts = (list: ListNode, usage: string): Read<ReadonlyArray<string>> => {
  const values: Array<string> = []
  for (const node of rest(list)) {
    if (node._tag === "List") return Either.left(notText(node, usage))
    values.push(node.value)
  }
  return Either.right(values)
}

/** {@link texts} of a field that may be missing. */
export const optionalTexts = (field: ListNode | undefined, usage: string): Read<ReadonlyArray<string>> =>
  field === undefined ? Either.right([]) : texts(field, usage)

/** Whether the field `(name)`, which holds nothing, is there. */
export const flag = (field: ListNode | undefined, usage: string): Read<boolean> => {
  const [value] = field === undefined ? [] : rest(field)
  return value === undefined
    ? Either.right(field !== undefined)
    : Either.left(Problem.make(value, `${showNode(value)} where nothing belongs`, { expected: usage }))
}

/** Converts each node, stopping at the first that is wrong. */
export const each = <A>(nodes: Iterable<SexpNode>, read: (node: SexpNode) => Read<A>): Read<ReadonlyArray<A>> => {
  const values: Array<A> = []
  for (const node of nodes) {
    const value = read(node)
    if (Either.isLeft(value)) return Either.left(value.left)
    values.push(value.right)
  }
  return Either.right(values)
}

/** What a record is called, how it is written, and how its fields are, by their names. */
export interface RecordShape {
  readonly name: string
  readonly usage: string
  readonly fields: Readonly<Record<string, string>>
  /** What to write instead of a record that holds atoms and no fields; `bare` is the first of them. */
  readonly instead?: (bare: AtomNode, place: ListNode) => string | undefined
}

export type Fields = ReadonlyMap<string, ListNode>

/** The fields of a record by their names, each at most once; `place` is what the record belongs to. */
export const record = (place: ListNode, items: Iterable<SexpNode>, shape: RecordShape): Read<Fields> => {
  const fields = new Map<string, ListNode>()
  for (const item of items) {
    if (item._tag === "Atom") return Either.left(bareAtom(item, place, shape))
    const [head] = item
    if (head === undefined || head._tag === "List") return Either.left(namelessField(item, shape))
    const name = head.value
    if (!Object.hasOwn(shape.fields, name)) return Either.left(unknownField(head, shape))
    if (fields.has(name)) return Either.left(secondField(item, name, shape))
    fields.set(name, item)
  }
  return Either.right(fields)
}

/** A field that must be there; `place` is the record without it. */
export const required = (
  fields: Fields,
  name: string,
  shape: RecordShape,
  place: { readonly start: number; readonly end: number }
): Read<ListNode> => {
  const field = fields.get(name)
  if (field !== undefined) return Either.right(field)
  return Either.left(
    Problem.make(place, `this ${show(shape.name)} has no ${show(name)}`, {
      expected: `${shape.fields[name] ?? show(name)}, as in ${shape.usage}`
    })
  )
}

const fieldForms = (shape: RecordShape): string => {
  const forms = Object.values(shape.fields)
  return forms.length < 2 ? forms.join("") : `${forms.slice(0, -1).join(", ")} or ${forms.slice(-1).join("")}`
}

const bareAtom = (node: AtomNode, place: ListNode, shape: RecordShape): Problem.Problem =>
  Problem.make(node, `${showNode(node)} is not a field of ${show(shape.name)}`, {
    expected: shape.usage,
    // What somebody wrote who takes the operation for a command line has no fields at all.
    hint: few(rest(place)).every((item) => item._tag === "Atom") ? shape.instead?.(node, place) : undefined
  })

const namelessField = (node: ListNode, shape: RecordShape): Problem.Problem => {
  const [head] = node
  const [name] = head?._tag === "List" ? head : []
  const nested = name?._tag === "Atom" && Object.hasOwn(shape.fields, name.value)
  return Problem.make(node, `${showNode(node)} is not a field of ${show(shape.name)}`, {
    expected: shape.usage,
    hint: nested ? "take away one pair of parentheses around the fields" : undefined
  })
}

const unknownField = (name: AtomNode, shape: RecordShape): Problem.Problem =>
  Problem.make(name, `${show(shape.name)} has no field ${showNode(name)}`, {
    expected: fieldForms(shape),
    hint: Option.getOrUndefined(
      Option.map(suggest(name.value, Object.keys(shape.fields)), (field) => `did you mean ${show(field)}?`)
    )
  })

const secondField = (node: ListNode, name: string, shape: RecordShape): Problem.Problem =>
  Problem.make(node, `a second ${show(name)} in the same ${show(shape.name)}`, {
    expected: "each field once at most"
  })
