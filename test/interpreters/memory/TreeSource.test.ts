import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { sha256 } from "../../../src/domain/Digest.ts"
import * as FileTree from "../../../src/interpreters/memory/FileTree.ts"
import * as TreeSource from "../../../src/interpreters/memory/TreeSource.ts"

const source = TreeSource.fromTree(
  FileTree.make({
    file: "contents",
    link: { link: "file" },
    fifo: { special: true },
    "dir1/dir2/file2": "2",
    "dir1/zz": { content: "", mode: 0o755 },
    "dir1/dir2/excluded/deep": ""
  })
)

const file = { _tag: "File", name: "file", executable: false, size: 8, digest: sha256("contents") }
const link = { _tag: "Link", name: "link", target: "file" }

describe("the manifest of a source directory in memory", () => {
  it.effect("names a file, however its path is written", () =>
    Effect.gen(function* () {
      for (const src of ["file", "./file", "/file", ".//./file"]) {
        expect(yield* source.manifest(src, [])).toEqual({ path: "file", root: file })
      }
    })
  )

  it.effect("does not follow a link", () =>
    Effect.gen(function* () {
      expect(yield* source.manifest("link", [])).toEqual({ path: "link", root: link })
    })
  )

  for (const [src, message] of Object.entries({
    file2: 'Source path "file2" not found',
    "file2/file": 'Source path "file2/file" not found',
    "../file": `Can't use .. in source paths! (in "../file")`,
    "dir1/..": `Can't use .. in source paths! (in "dir1/..")`,
    "file/file2": 'Not a directory: file (in "file/file2")',
    "file/": 'Not a directory: file (in "file/")',
    "dir1/dir2/file2/x": 'Not a directory: dir1/dir2/file2 (in "dir1/dir2/file2/x")',
    "link/file": 'Not a regular file: link (in "link/file")',
    "link/": 'Not a regular file: link (in "link/")',
    fifo: 'Not a regular file: fifo (in "fifo")',
    ".": 'Unsupported file type: fifo (in ".")'
  })) {
    it.effect(`refuses "${src}": ${message}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(source.manifest(src, []))
        expect(error).toMatchObject({ path: src, message })
      })
    )
  }

  it.effect("lists a directory sorted, without what is excluded at any depth", () =>
    Effect.gen(function* () {
      const { path, root } = yield* source.manifest("dir1/", ["excluded", "file"])
      expect(path).toBe("dir1")
      expect(root).toEqual({
        _tag: "Directory",
        name: "dir1",
        entries: [
          {
            _tag: "Directory",
            name: "dir2",
            entries: [{ _tag: "File", name: "file2", executable: false, size: 1, digest: sha256("2") }]
          },
          { _tag: "File", name: "zz", executable: true, size: 0, digest: sha256("") }
        ]
      })
    })
  )

  it.effect("of the root has no name, and its own entries can be excluded", () =>
    Effect.gen(function* () {
      for (const src of ["", ".", "/"]) {
        const manifest = yield* source.manifest(src, ["dir1", "fifo"])
        expect(manifest).toEqual({ path: "", root: { _tag: "Directory", name: "", entries: [file, link] } })
      }
    })
  )
})
