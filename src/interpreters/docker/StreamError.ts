/** What an engine says at the end, or in the middle, of an answer that has begun well. */

/** The first error in a stream of JSON documents, one a line. */
export const errorIn = (lines: Buffer): string | undefined => {
  for (const line of lines.toString("utf8").split(/\r?\n/)) {
    if (line.trim() === "") continue
    const error = errorOf(line)
    if (error !== undefined) return error
  }
  return undefined
}

const errorOf = (line: string): string | undefined => {
  try {
    const value: unknown = JSON.parse(line)
    const { error }: { readonly error?: unknown } = typeof value === "object" && value !== null ? value : {}
    return typeof error === "string" ? error : undefined
  } catch {
    // Nothing that it should say: its success is not to be believed.
    return line.slice(0, 200)
  }
}
