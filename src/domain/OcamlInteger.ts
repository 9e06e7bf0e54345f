/**
 * Integer literals, as OCaml's `int_of_string` reads them on a 64-bit machine:
 * an optional sign, an optional base (`0x`, `0o`, `0b`, or `0u` for unsigned
 * decimal), digits, and underscores after the first digit.
 */
import * as Option from "effect/Option"

const literal =
  /^([+-]?)(?:0[xX]([0-9a-fA-F][0-9a-fA-F_]*)|0[oO]([0-7][0-7_]*)|0[bB]([01][01_]*)|0[uU](\d[\d_]*)|(\d[\d_]*))$/

/** More characters than any literal within the range needs; zeros in front apart, it is out of it. */
const longest = 1000

/** The literal's value, from -2⁶² to 2⁶²-1; none when OCaml refuses it. */
export const parse = (text: string): Option.Option<bigint> => {
  const match = text.length > longest ? null : literal.exec(text)
  if (match === null) return Option.none()
  const [, sign, hexadecimal, octal, binary, unsigned, decimal] = match
  const negative = sign === "-"
  const digits = (text: string): string => text.replaceAll("_", "")
  if (decimal !== undefined) {
    const magnitude = BigInt(digits(decimal))
    const bound = negative ? 2n ** 62n : 2n ** 62n - 1n
    return magnitude > bound ? Option.none() : Option.some(negative ? -magnitude : magnitude)
  }
  const magnitude =
    hexadecimal !== undefined
      ? BigInt(`0x${digits(hexadecimal)}`)
      : octal !== undefined
        ? BigInt(`0o${digits(octal)}`)
        : binary !== undefined
          ? BigInt(`0b${digits(binary)}`)
          : BigInt(digits(unsigned ?? "0"))
  // With a base, the 63 bits of an OCaml integer may all be given: the sign is the highest.
  return magnitude >= 2n ** 63n ? Option.none() : Option.some(BigInt.asIntN(63, negative ? -magnitude : magnitude))
}
