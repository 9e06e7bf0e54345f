import { describe, expect, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as OcamlInteger from "../../src/domain/OcamlInteger.ts"

const read = (text: string): string | undefined => Option.getOrUndefined(Option.map(OcamlInteger.parse(text), String))

/** Recorded by giving each literal to OCaml 4.13's `int_of_string`. */
describe("an integer is read as OCaml reads it", () => {
  it.each([
    ["1", "1"],
    ["+1", "1"],
    ["-1", "-1"],
    ["-0", "0"],
    ["00012", "12"],
    ["1_000", "1000"],
    ["1_", "1"],
    ["0_1", "1"],
    ["0x10", "16"],
    ["0X1f", "31"],
    ["+0x1_", "1"],
    ["-0x10", "-16"],
    ["0o17", "15"],
    ["0O7", "7"],
    ["0b11", "3"],
    ["0B1", "1"],
    ["0u12", "12"],
    ["0U5", "5"],
    ["-0u1", "-1"],
    ["4611686018427387903", "4611686018427387903"],
    ["-4611686018427387904", "-4611686018427387904"],
    ["0x3fffffffffffffff", "4611686018427387903"],
    ["0x7fffffffffffffff", "-1"],
    ["-0x4000000000000001", "4611686018427387903"],
    ["-0x7fffffffffffffff", "1"],
    ["0u4611686018427387904", "-4611686018427387904"],
    ["0u9223372036854775807", "-1"]
  ])("%s is %s", (text, value) => {
    expect(read(text)).toBe(value)
  })

  it.each([
    "",
    "-",
    "+",
    "_1",
    "0x",
    "0x_1",
    "0b_1",
    "0u_1",
    "0u",
    "0b12",
    "0o8",
    "--1",
    " 1",
    "1 ",
    "1.0",
    "1e3",
    "x",
    "4611686018427387904",
    "-4611686018427387905",
    "0x8000000000000000",
    "0u9223372036854775808"
  ])("%s is not one", (text) => {
    expect(read(text)).toBeUndefined()
  })

  it("reads back every integer that it can hold, in every base", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.bigInt({ min: -(2n ** 62n), max: 2n ** 62n - 1n }), (value) => {
        const magnitude = value < 0n ? -value : value
        const sign = value < 0n ? "-" : ""
        const forms = [
          magnitude.toString(),
          `0u${magnitude}`,
          `0x${magnitude.toString(16)}`,
          `0o${magnitude.toString(8)}`,
          `0b${magnitude.toString(2)}`
        ]
        expect(forms.map((form) => read(`${sign}${form}`))).toEqual(forms.map(() => value.toString()))
      })
    )
  })
})
