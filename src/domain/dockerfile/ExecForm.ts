/** The exec form of an instruction: a JSON array of strings. */

/**
 * The strings of a JSON array; `"mixed"` for an array that holds anything else, which BuildKit refuses; `undefined` for
 * what is no JSON array, and so is the shell form.
 */
export const read = (text: string): ReadonlyArray<string> | "mixed" | undefined => {
  if (!text.startsWith("[") || !text.endsWith("]")) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!Array.isArray(value)) return undefined
  const strings: Array<string> = []
  for (const item of value) {
    if (typeof item !== "string") return "mixed"
    // What an escape says need not be a character: `"\ud800"`.
    strings.push(item.replaceAll(/\p{Cs}/gu, "\u{fffd}"))
  }
  return strings
}
