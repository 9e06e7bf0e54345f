import { describe, expect, it } from "vitest"
import * as TreeDiffText from "../../src/interpreters/TreeDiffText.ts"

describe("what is other about a file, as text", () => {
  it.each([
    [0, "1970-01-01T00:00:00.000Z"],
    [-1.5, "1969-12-31T23:59:58.500Z"],
    // As file systems may have it.
    [2 ** 62, "4611686018427388000"],
    [-(2 ** 53), "-9007199254740992"]
  ])("names the time %d", (after, text) => {
    const change = { _tag: "Changed", path: "/f", aspects: [{ _tag: "Time", before: 0, after }] } as const
    expect(TreeDiffText.render([change])).toBe(`changed  /f: changed at ${text}, was at 1970-01-01T00:00:00.000Z\n`)
  })
})
