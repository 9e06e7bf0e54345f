/** What counts as blank in a Dockerfile: what Go's `unicode.IsSpace` does. */

/** Whether a UTF-16 code unit is a blank; line ends are. No blank needs two units. */
export const isBlank = (unit: number): boolean => {
  if (unit < 0x80) return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d)
  return (
    unit === 0x85 ||
    unit === 0xa0 ||
    unit === 0x1680 ||
    (unit >= 0x2000 && unit <= 0x200a) ||
    unit === 0x2028 ||
    unit === 0x2029 ||
    unit === 0x202f ||
    unit === 0x205f ||
    unit === 0x3000
  )
}

/** The offset of the first unit in `start` to `end` that is no blank, or `end`. */
export const afterBlanks = (text: string, start: number, end: number = text.length): number => {
  let at = start
  while (at < end && isBlank(text.charCodeAt(at))) at++
  return at
}

/** The offset after the last unit in `start` to `end` that is no blank, or `start`. */
export const beforeBlanks = (text: string, start: number, end: number = text.length): number => {
  let at = end
  while (at > start && isBlank(text.charCodeAt(at - 1))) at--
  return at
}

/** Without blanks at both ends. */
export const trimmed = (text: string): string => {
  const start = afterBlanks(text, 0)
  return text.slice(start, beforeBlanks(text, start))
}
