/**
 * Reads operations: `(NAME …)`.
 *
 * As in OBuilder, the first letter of a name may be upper-case; the operations
 * that have fields then take them as one list: `(Run ((shell …)))`.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as CopyReader from "./CopyReader.ts"
import type { OpContext } from "./OpContext.ts"
import * as Problem from "./Problem.ts"
import * as RunReader from "./RunReader.ts"
import type { ListNode, SexpNode } from "./SexpNode.ts"
import type { Op } from "./Spec.ts"
import * as SpecFields from "./SpecFields.ts"
import { few, oneOf, quoted, type Read, rest, show, showNode, words, written } from "./SpecFields.ts"
import { suggest } from "./Suggestion.ts"
import * as UserReader from "./UserReader.ts"

interface OpForm {
  readonly usage: string
  /** It has fields, which an upper-case name takes as one list. */
  readonly inline: boolean
  /** `list` is the operation, `items` are what follows its name, or are in the list that does. */
  readonly read: (list: ListNode, items: Iterable<SexpNode>, context: OpContext) => Read<Op>
}

const textOp = (name: string, what: string, make: (text: string) => Op): OpForm => {
  const usage = `\`(${name} ${what})\``
  return { usage, inline: false, read: (list) => Either.map(SpecFields.text(list, name, usage), make) }
}

const forms: ReadonlyMap<string, OpForm> = new Map<string, OpForm>([
  ["run", { usage: RunReader.usage, inline: true, read: RunReader.run }],
  ["copy", { usage: CopyReader.usage, inline: true, read: CopyReader.copy }],
  ["env", { usage: "`(env NAME VALUE)`", inline: true, read: (list, items) => env(list, items) }],
  ["workdir", textOp("workdir", "PATH", (path) => ({ _tag: "Workdir", path }))],
  [
    "user",
    {
      usage: UserReader.usage,
      inline: true,
      read: (list, items) => Either.map(UserReader.user(list, items), (user): Op => ({ _tag: "User", user }))
    }
  ],
  [
    "shell",
    {
      usage: "`(shell PROGRAM ARGUMENT…)`",
      inline: false,
      read: (list) =>
        Either.map(SpecFields.texts(list, "`(shell PROGRAM ARGUMENT…)`"), (args): Op => ({ _tag: "Shell", args }))
    }
  ],
  ["comment", textOp("comment", "TEXT", (text) => ({ _tag: "Comment", text }))]
])

/** The names of all operations. */
export const names: ReadonlyArray<string> = [...forms.keys()]

const expected = `an operation: ${oneOf(names)}`

const isOp = (list: ListNode | undefined): boolean => {
  const [head] = list ?? []
  return head?._tag === "Atom" && forms.has(head.value)
}

export const read = (node: SexpNode, context: OpContext): Read<Op> => {
  if (node._tag === "Atom") {
    const form = forms.get(node.value)
    return Either.left(
      Problem.make(node, `${showNode(node)} where an operation belongs`, {
        expected: form?.usage ?? "a list that begins with an operation's name, such as `(run (shell COMMAND))`",
        hint: form === undefined ? undefined : "an operation stands in parentheses, together with its arguments"
      })
    )
  }
  const [head] = node
  if (head === undefined || head._tag === "List") {
    return Either.left(
      Problem.make(head ?? node, `${showNode(head ?? node)} where an operation's name belongs`, {
        expected,
        hint: isOp(head) ? "take away one pair of parentheses" : undefined
      })
    )
  }
  const name = lowerInitial(head.value)
  const form = forms.get(name)
  if (form === undefined) return Either.left(unknownOp(node, head.value))
  const items = form.inline && head.value !== name ? onlyList(node, name) : Either.right(rest(node))
  return Either.flatMap(items, (items) =>
    Either.map(form.read(node, items, context), (op) => {
      context.located(op, node)
      return op
    })
  )
}

const lowerInitial = (name: string): string =>
  /^[A-Z]/.test(name) ? `${name.charAt(0).toLowerCase()}${name.slice(1)}` : name

/** The fields of an operation whose name has a capital. */
const onlyList = (node: ListNode, name: string): Read<Iterable<SexpNode>> => {
  const [fields, another] = rest(node)
  if (fields?._tag === "List" && another === undefined && !(name !== "env" && isField(fields)))
    return Either.right(fields)
  const [head] = node
  return Either.left(
    Problem.make(head ?? node, "an operation with a capital takes its fields in one more pair of parentheses", {
      expected: `\`(${name} …)\``,
      hint: "operations are written in lower case"
    })
  )
}

/** A list that begins with an atom is one field and not a list of them. */
const isField = (list: ListNode): boolean => {
  const [head] = list
  return head?._tag === "Atom"
}

const unknownOp = (node: ListNode, name: string): Problem.Problem => {
  const [head] = node
  const place = head ?? node
  if (name === "from") {
    return Problem.make(place, "a second `(from …)`", {
      expected,
      hint: "a spec has one base; another one is for a nested build, `(build NAME ((from BASE) …))`, before `(from …)`"
    })
  }
  if (name === "build") {
    return Problem.make(place, "a nested build after `(from …)`", {
      expected,
      hint: "nested builds stand before the `(from …)` of the spec that uses them"
    })
  }
  return Problem.make(place, `unknown operation ${show(name)}`, {
    expected,
    hint: Option.getOrUndefined(Option.map(suggest(name, names), (op) => `did you mean ${show(op)}?`))
  })
}

const env = (list: ListNode, items: Iterable<SexpNode>): Read<Op> => {
  const usage = "`(env NAME VALUE)`"
  const [name, value, another] = items
  const wrong = [name, value].find((node) => node?._tag === "List")
  if (wrong !== undefined) {
    return Either.left(Problem.make(wrong, `${showNode(wrong)} where a text belongs`, { expected: usage }))
  }
  if (name?._tag !== "Atom")
    return Either.left(Problem.make(list, "`env` has neither name nor value", { expected: usage }))
  if (value?._tag !== "Atom") {
    const [, before, after] = /^([^=]+)=(.*)$/s.exec(name.value) ?? []
    return Either.left(
      Problem.make(list, "`env` has no value", {
        expected: usage,
        hint:
          before === undefined || after === undefined
            ? undefined
            : `write \`(env ${written(before)} ${written(after)})\``
      })
    )
  }
  if (another === undefined) return Either.right({ _tag: "Env", name: name.value, value: value.value })
  const all = few(rest(list)).slice(1)
  return Either.left(
    Problem.make(another, `\`env\` takes a name and a value, and ${showNode(another)} is a third`, {
      expected: usage,
      hint:
        all.length > 1 && all.every((node) => node._tag === "Atom")
          ? `a value with blanks stands in quotes: \`(env ${written(name.value)} ${quoted(words(all))})\``
          : undefined
    })
  )
}
