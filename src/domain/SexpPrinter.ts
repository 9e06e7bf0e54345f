/** S-expressions as text, with the quoting of Sexplib. What is printed reads back equal. */
import type { Sexp } from "./Sexp.ts"

const utf8 = new TextEncoder()

/** The atom cannot stand as it is. */
export const needsQuotes = (value: string): boolean => value === "" || /["();\\]|#\||\|#|[^\x21-\x7e]/.test(value)

const escapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\t": "\\t",
  "\r": "\\r",
  "\b": "\\b"
}

const bytes = (text: string): string => {
  let escaped = ""
  for (const byte of utf8.encode(text)) escaped += `\\${byte.toString().padStart(3, "0")}`
  return escaped
}

/** Everything but printable ASCII as escapes, without quotes around it. */
export const escape = (value: string): string =>
  value.replaceAll(/["\\]|[^\x20-\x7e]+/g, (run) =>
    run.length === 1
      ? (escapes[run] ?? bytes(run))
      : run.replaceAll(/[\n\t\r\b]|[^\n\t\r\b]+/g, (part) => escapes[part] ?? bytes(part))
  )

/** In quotes, whether it needs them or not: OCaml's `%S`. */
export const quote = (value: string): string => `"${escape(value)}"`

/** An atom on one line. */
export const atom = (value: string): string => (needsQuotes(value) ? quote(value) : value)

/** An S-expression on one line. Iterative: the depth of lists is not limited. */
export const print = (root: Sexp): string => {
  if (root._tag === "Atom") return atom(root.value)
  const parts = ["("]
  const open = [{ items: root.items, next: 0 }]
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const item = top.items[top.next]
    if (item === undefined) {
      parts.push(")")
      open.pop()
      continue
    }
    if (top.next > 0) parts.push(" ")
    top.next++
    if (item._tag === "Atom") parts.push(atom(item.value))
    else {
      parts.push("(")
      open.push({ items: item.items, next: 0 })
    }
  }
  return parts.join("")
}
