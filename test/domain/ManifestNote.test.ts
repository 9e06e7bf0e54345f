import { describe, expect, it } from "vitest"
import { sha256 } from "../../src/domain/Digest.ts"
import type { Manifest } from "../../src/domain/Manifest.ts"
import * as ManifestNote from "../../src/domain/ManifestNote.ts"

const digest = sha256("content").slice(0, ManifestNote.KEPT_DIGITS)

const rows = (...all: ReadonlyArray<unknown>): unknown => [{ path: "src", rows: all }]

describe("the note of what a copy copied", () => {
  it("gives its tree again", () => {
    const items: ReadonlyArray<Manifest> = [
      {
        path: "src",
        root: {
          _tag: "Directory",
          name: "src",
          entries: [
            { _tag: "Directory", name: "d", entries: [{ _tag: "Link", name: "l", target: "x" }] },
            { _tag: "File", name: "f", digest: sha256("content"), size: 7, executable: true },
            {
              _tag: "File",
              name: "g",
              digest: sha256("content"),
              size: 7,
              executable: true,
              mode: 0o4711,
              owner: { uid: 1, gid: 2 }
            },
            { _tag: "Directory", name: "h", entries: [], mode: 0 },
            { _tag: "Link", name: "l", target: "f", owner: { uid: 3, gid: 4 } }
          ]
        }
      }
    ]
    const restored = ManifestNote.restore(JSON.parse(JSON.stringify(ManifestNote.keep(items))))
    expect(JSON.stringify(restored)).toBe(JSON.stringify(items).replaceAll(sha256("content"), digest))
  })

  it.each([
    ["a depth below the item's", rows([0, "src"], [-1, "f"])],
    ["a depth between two", rows([0, "src"], [0.5, "f"])],
    ["a depth that is none", rows([0, "src"], ["1", "f"])],
    ["a depth below no directory", rows([0, "src"], [2, "f"])],
    ["a depth below a link", rows([0, "src"], [1, "l", "x"], [2, "f"])],
    ["an item below nothing", rows([1, "f"])],
    ["two items in one", rows([0, "a"], [0, "b"])],
    ["no row", rows()],
    ["a row that is none", rows({ 0: 0, 1: "src" })],
    ["no name", rows([0])],
    ["a size below zero", rows([0, "f", digest, -1, 0])],
    ["a size that is none", rows([0, "f", digest, "7", 0])],
    ["a size of parts of bytes", rows([0, "f", digest, 0.5, 0])],
    ["a digest that is none", rows([0, "f", "\u001b[2J", 7, 0])],
    ["half of whether it can be executed", rows([0, "f", digest, 7, "yes"])],
    ["no items", { path: "src" }],
    ["an item that is none", [null]],
    ["an item without a path", [{ rows: [[0, "src"]] }]]
  ])("is none with %s", (_, note) => {
    expect(ManifestNote.restore(note)).toBeUndefined()
  })
})
