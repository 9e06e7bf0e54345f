/** Reads what `(user …)` holds: `(name NAME)`, or `(uid N) (gid N)` in this order. */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as OcamlInteger from "./OcamlInteger.ts"
import * as Problem from "./Problem.ts"
import type { AtomNode, ListNode, SexpNode } from "./SexpNode.ts"
import type { User } from "./Spec.ts"
import * as SpecFields from "./SpecFields.ts"
import { type Read, show, written } from "./SpecFields.ts"

export const usage = "`(user (uid N) (gid N))` or `(user (name NAME))`"

const shape: SpecFields.RecordShape = {
  name: "user",
  usage,
  fields: { name: "`(name NAME)`", uid: "`(uid N)`", gid: "`(gid N)`" },
  instead: (bare) => {
    const value = written(bare.value)
    return /^\d+$/.test(bare.value)
      ? `write \`(user (uid ${value}) (gid ${value}))\``
      : `write \`(user (name ${value}))\``
  }
}

/** `place` is the operation, `items` are its fields. */
export const user = (place: ListNode, items: Iterable<SexpNode>): Read<User> => {
  const fields = SpecFields.record(place, items, shape)
  if (Either.isLeft(fields)) return Either.left(fields.left)
  const names = [...fields.right.keys()]
  const name = fields.right.get("name")
  if (name === undefined) return numbers(place, fields.right, names)
  if (names.length > 1) {
    return Either.left(Problem.make(place, "a user has a name or numbers, not both", { expected: usage }))
  }
  return Either.map(SpecFields.text(name, "name", "`(name NAME)`"), (name) => ({ _tag: "Named", name }))
}

const numbers = (place: ListNode, fields: SpecFields.Fields, names: ReadonlyArray<string>): Read<User> => {
  if (names.length === 0) return Either.left(Problem.make(place, "this `user` says nobody", { expected: usage }))
  const uid = Either.flatMap(SpecFields.required(fields, "uid", shape, place), (field) => id(field, "uid"))
  if (Either.isLeft(uid)) return Either.left(uid.left)
  const gid = Either.flatMap(SpecFields.required(fields, "gid", shape, place), (field) => id(field, "gid"))
  if (Either.isLeft(gid)) return Either.left(gid.left)
  if (names[0] === "gid") {
    return Either.left(
      Problem.make(place, "`gid` before `uid`", { expected: `\`(user (uid ${uid.right}) (gid ${gid.right}))\`` })
    )
  }
  return Either.right({ _tag: "Unix", uid: uid.right, gid: gid.right })
}

const id = (field: ListNode, name: "uid" | "gid"): Read<number> => {
  const form = `\`(${name} N)\``
  const text = SpecFields.text(field, name, form)
  if (Either.isLeft(text)) return Either.left(text.left)
  const [node] = SpecFields.rest(field)
  const place = node ?? field
  return Option.match(OcamlInteger.parse(text.right), {
    onNone: () =>
      Either.left(
        Problem.make(
          place,
          `${show(text.right)} is ${/^[+-]?\d+$/.test(text.right) ? "out of range" : "not a number"}`,
          {
            expected: `a whole number, such as \`(${name} 1000)\``,
            hint:
              name === "uid" && isName(node)
                ? `a user is called by name with \`(user (name ${written(text.right)}))\``
                : undefined
          }
        )
      ),
    onSome: (value) =>
      isId(Number(value))
        ? Either.right(Number(value))
        : Either.left(
            Problem.make(place, `${show(text.right)} is out of range`, { expected: "a number below 4294967295" })
          )
  })
}

/** What can be read as a user's or a group's number. Which of them there are, the planner says. */
export const isId = (id: number): boolean => Number.isSafeInteger(id)

const isName = (node: SexpNode | undefined): node is AtomNode => node?._tag === "Atom" && /^[a-z_]/i.test(node.value)
