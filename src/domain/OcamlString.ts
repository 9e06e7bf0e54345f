/**
 * A string as OCaml's `%S` prints it, which is how OBuilder quotes names:
 * `\n`, `\t`, `\b`, `\r`, `\\`, `\"`, and other bytes outside printable ASCII in
 * three decimal digits.
 */
export const ocamlString = (text: string): string => {
  let out = '"'
  for (const byte of Buffer.from(text))
    out += SHORT.get(byte) ?? (isPlain(byte) ? String.fromCharCode(byte) : code(byte))
  return `${out}"`
}

const SHORT: ReadonlyMap<number, string> = new Map([
  [10, "\\n"],
  [9, "\\t"],
  [8, "\\b"],
  [13, "\\r"],
  [34, '\\"'],
  [92, "\\\\"]
])

const isPlain = (byte: number): boolean => byte >= 32 && byte < 127

const code = (byte: number): string => `\\${String(byte).padStart(3, "0")}`
