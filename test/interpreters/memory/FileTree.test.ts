import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FileTree from "../../../src/interpreters/memory/FileTree.ts"

const tree = FileTree.make({
  "a/file": "text",
  "a/up": { link: "../b" },
  "b/back": { link: "/a/file" },
  loop: { link: "loop" },
  out: { link: "../../../b" }
})

const resolved = (path: string, followLast = true): string =>
  Either.match(FileTree.resolve(tree, path, { followLast }), {
    onLeft: (error) => error.code,
    onRight: ({ names, node }) => `${FileTree.join(names)} ${node?._tag ?? "missing"}`
  })

describe("a tree in memory", () => {
  it("follows links inside itself, and stops `..` at its root", () => {
    expect(resolved("/a/file")).toBe("/a/file File")
    expect(resolved("a//./file")).toBe("/a/file File")
    expect(resolved("/a/up/back")).toBe("/a/file File")
    expect(resolved("/a/up/back", false)).toBe("/b/back Link")
    expect(resolved("/out")).toBe("/b Directory")
    expect(resolved("/../../a/../b")).toBe("/b Directory")
    expect(resolved("/none/such/../x")).toBe("/none/x missing")
  })

  it("refuses loops, and files on the way", () => {
    expect(resolved("/loop/x")).toBe("ELOOP")
    expect(resolved("/a/file/x")).toBe("ENOTDIR")
  })

  it("is not changed by a change to it", () => {
    const before = FileTree.listing(tree)
    const changed = FileTree.update(tree, ["a", "file"], () => FileTree.file("other"))
    expect(FileTree.text(changed, "/a/file")).toBe("other")
    expect(FileTree.text(tree, "/a/file")).toBe("text")
    expect(FileTree.listing(tree)).toEqual(before)
  })

  it("is listed with all that there is to tell, sorted", () => {
    const small = FileTree.make({
      "d/x": { content: "", mode: 0o4755, uid: 1, gid: 2 },
      d: { directory: true, mode: 0o700 },
      b: { link: "d" },
      a: { special: true }
    })
    expect(FileTree.listing(small)).toMatchInlineSnapshot(`
      [
        {
          "gid": 0,
          "mode": "0755",
          "path": "/",
          "type": "directory",
          "uid": 0,
        },
        {
          "gid": 0,
          "mode": "0644",
          "path": "/a",
          "type": "special",
          "uid": 0,
        },
        {
          "gid": 0,
          "mode": "0777",
          "path": "/b",
          "target": "d",
          "type": "link",
          "uid": 0,
        },
        {
          "gid": 0,
          "mode": "0700",
          "path": "/d",
          "type": "directory",
          "uid": 0,
        },
        {
          "digest": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
          "gid": 2,
          "mode": "4755",
          "path": "/d/x",
          "type": "file",
          "uid": 1,
        },
      ]
    `)
  })
})
