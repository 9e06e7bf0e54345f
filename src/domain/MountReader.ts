/** Reads the items of a run's `cache` and `secrets`: `(NAME (target PATH) (buildkit_options ((NAME VALUE)…)))`. */
import * as Either from "effect/Either"
import * as Problem from "./Problem.ts"
import type { ListNode, SexpNode } from "./SexpNode.ts"
import type { BuildkitOption, Cache } from "./Spec.ts"
import * as SpecFields from "./SpecFields.ts"
import { type Read, rest, show, showNode, written } from "./SpecFields.ts"

const usage = "`(NAME (target PATH))`"

const optionsUsage = "`(buildkit_options ((NAME VALUE)…))`"

const fields = { target: "`(target PATH)`", buildkit_options: optionsUsage }

const shapes: Readonly<Record<"cache" | "secret", SpecFields.RecordShape>> = {
  cache: { name: "cache", usage, fields },
  secret: { name: "secret", usage, fields }
}

/** One cache or secret; they are written alike. */
export const mount = (kind: "cache" | "secret", node: SexpNode): Read<Cache> => {
  if (node._tag === "Atom")
    return Either.left(misshapen(kind, node, `write \`(${written(node.value)} (target PATH))\``))
  const [id] = node
  if (id === undefined) return Either.left(misshapen(kind, node, undefined))
  if (id._tag === "List")
    return Either.left(misshapen(kind, node, "take away one pair of parentheses, or begin with the name"))
  const nameless = namelessTarget(kind, node)
  if (nameless !== undefined) return Either.left(nameless)
  const shape = shapes[kind]
  const record = SpecFields.record(node, rest(node), shape)
  if (Either.isLeft(record)) return Either.left(record.left)
  const target = Either.flatMap(SpecFields.required(record.right, "target", shape, node), (field) =>
    SpecFields.text(field, "target", fields.target)
  )
  if (Either.isLeft(target)) return Either.left(target.left)
  return Either.map(options(record.right.get("buildkit_options")), (buildkitOptions) => ({
    id: id.value,
    target: target.right,
    buildkitOptions
  }))
}

const misshapen = (kind: string, node: SexpNode, hint: string | undefined): Problem.Problem =>
  Problem.make(node, `${showNode(node)} is not a ${kind}`, { expected: usage, hint })

/** `(target PATH)` alone reads as something called "target". */
const namelessTarget = (kind: string, node: ListNode): Problem.Problem | undefined => {
  const [id, path, more] = node
  if (id?._tag !== "Atom" || id.value !== "target" || path?._tag !== "Atom" || more !== undefined) return undefined
  return Problem.make(node, `this ${kind} has no name`, {
    expected: usage,
    hint: `write \`(NAME (target ${written(path.value)}))\``
  })
}

const options = (field: ListNode | undefined): Read<ReadonlyArray<BuildkitOption>> => {
  if (field === undefined) return Either.right([])
  const [value, another] = rest(field)
  if (value === undefined || another !== undefined || value._tag === "Atom") {
    return Either.left(
      Problem.make(another ?? value ?? field, `${show("buildkit_options")} takes one list of pairs`, {
        expected: optionsUsage
      })
    )
  }
  return SpecFields.each(value, option)
}

const option = (node: SexpNode): Read<BuildkitOption> => {
  const [name, value, another] = node._tag === "List" ? node : []
  if (name?._tag !== "Atom" || value?._tag !== "Atom" || another !== undefined) {
    return Either.left(
      Problem.make(node, `${showNode(node)} is not a pair of texts`, {
        expected: optionsUsage,
        hint: node._tag === "Atom" ? "each pair stands in parentheses of its own, within those of the list" : undefined
      })
    )
  }
  return Either.right({ name: name.value, value: value.value })
}
