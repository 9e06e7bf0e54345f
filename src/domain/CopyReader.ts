/** Reads what `(copy …)` holds. */
import * as Either from "effect/Either"
import type { OpContext } from "./OpContext.ts"
import { type Aspect, aspects, type Preserve } from "./Preserve.ts"
import * as Problem from "./Problem.ts"
import type { ListNode, SexpNode } from "./SexpNode.ts"
import type { Copy, CopyFrom } from "./Spec.ts"
import * as SpecFields from "./SpecFields.ts"
import { few, type Read, rest, showNode, written } from "./SpecFields.ts"

export const usage = "`(copy (src PATH…) (dst PATH))`"

const PRESERVE = "`(preserve modes owners)`, or one of the two"

const shape: SpecFields.RecordShape = {
  name: "copy",
  usage,
  instead: (_, place) => {
    const paths = few(rest(place)).map((node) => (node._tag === "Atom" ? written(node.value) : ""))
    return paths.length > 1 && paths.length < 8 && !paths.includes("")
      ? `write \`(copy (src ${paths.slice(0, -1).join(" ")}) (dst ${paths.slice(-1).join("")}))\``
      : undefined
  },
  fields: {
    from: "`(from (build NAME))`",
    src: "`(src PATH…)`",
    dst: "`(dst PATH)`",
    exclude: "`(exclude NAME…)`",
    contents: "`(contents)`",
    preserve: PRESERVE
  }
}

/** `list` is the operation, `items` are its fields. */
export const copy = (list: ListNode, items: Iterable<SexpNode>, context: OpContext): Read<Copy> => {
  const fields = SpecFields.record(list, items, shape)
  if (Either.isLeft(fields)) return Either.left(fields.left)
  const src = Either.flatMap(SpecFields.required(fields.right, "src", shape, list), (field) =>
    SpecFields.texts(field, "`(src PATH…)`")
  )
  if (Either.isLeft(src)) return Either.left(src.left)
  const dst = Either.flatMap(SpecFields.required(fields.right, "dst", shape, list), (field) =>
    SpecFields.text(field, "dst", "`(dst PATH)`")
  )
  if (Either.isLeft(dst)) return Either.left(dst.left)
  const exclude = SpecFields.optionalTexts(fields.right.get("exclude"), "`(exclude NAME…)`")
  if (Either.isLeft(exclude)) return Either.left(exclude.left)
  const contents = SpecFields.flag(fields.right.get("contents"), "`(contents)`")
  if (Either.isLeft(contents)) return Either.left(contents.left)
  const from = copyFrom(fields.right.get("from"), context)
  if (Either.isLeft(from)) return Either.left(from.left)
  return Either.map(preserved(fields.right.get("preserve"), from.right), (preserve) => ({
    _tag: "Copy",
    from: from.right,
    src: src.right,
    dst: dst.right,
    exclude: exclude.right,
    ...(contents.right ? { contents: true } : {}),
    ...(preserve === undefined ? {} : { preserve })
  }))
}

/** What `(preserve …)` keeps, as it was written. */
const preserved = (field: ListNode | undefined, from: CopyFrom): Read<Preserve | undefined> => {
  if (field === undefined) return Either.right(undefined)
  const kept: Array<Aspect> = []
  for (const node of rest(field)) {
    const aspect = node._tag === "Atom" ? aspects.find((one) => one === node.value) : undefined
    if (aspect === undefined) {
      return Either.left(Problem.make(node, `${showNode(node)} cannot be preserved`, { expected: PRESERVE }))
    }
    if (kept.includes(aspect)) {
      return Either.left(Problem.make(node, `${showNode(node)} is preserved already`, { expected: PRESERVE }))
    }
    if (aspect === "owners" && from._tag === "Context") {
      return Either.left(
        Problem.make(node, "the owners of files in the source directory mean nothing in an image", {
          expected: "`(preserve modes)`; owners can be preserved with `(from (build NAME))`",
          hint: "what is copied belongs to the step's user: set it with `(user …)` before the copy"
        })
      )
    }
    kept.push(aspect)
  }
  return kept.length > 0
    ? Either.right(kept)
    : Either.left(Problem.make(field, "`preserve` does not say what", { expected: PRESERVE }))
}

const copyFrom = (field: ListNode | undefined, context: OpContext): Read<CopyFrom> => {
  if (field === undefined) return Either.right({ _tag: "Context" })
  const [source, another] = rest(field)
  if (source === undefined || another !== undefined) return Either.left(notSource(another ?? field, undefined))
  if (source._tag === "Atom") {
    return source.value === "context"
      ? Either.right({ _tag: "Context" })
      : Either.left(notSource(source, `write \`(from (build ${written(source.value)}))\``))
  }
  const [head, name, more] = source
  if (head?._tag !== "Atom" || head.value !== "build" || name?._tag !== "Atom" || more !== undefined) {
    return Either.left(notSource(source, undefined))
  }
  return Either.map(context.buildInScope(name.value, name), () => ({ _tag: "Build", name: name.value }))
}

const notSource = (node: SexpNode, hint: string | undefined): Problem.Problem =>
  Problem.make(node, `cannot copy from ${showNode(node)}`, {
    expected: "`(from (build NAME))`, or no `from` to copy from the source directory",
    hint
  })
