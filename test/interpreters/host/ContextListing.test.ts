import { describe, expect, it } from "@effect/vitest"
import * as Fs from "node:fs"
import { execFileSync } from "node:child_process"
import * as Zlib from "node:zlib"
import { parseIgnore } from "../../../src/domain/dockerfile/Dockerignore.ts"
import type { ContextEntry } from "../../../src/domain/dockerfile/ImportFacts.ts"
import { archiveAt, listing, TooDeep } from "../../../src/interpreters/host/ContextListing.ts"
import { scratchDirectory } from "./scratch.ts"

const scratch = scratchDirectory("context-listing")
let made = 0

const directoryOf = (files: Readonly<Record<string, string | Uint8Array>>): string => {
  const root = `${scratch.path}/${made++}`
  Fs.mkdirSync(root, { recursive: true })
  for (const [path, content] of Object.entries(files)) {
    Fs.mkdirSync(`${root}/${path.split("/").slice(0, -1).join("/")}`, { recursive: true })
    Fs.writeFileSync(`${root}/${path}`, content)
  }
  return root
}

const list = (
  root: string,
  { ignore = "", name = "", without }: { ignore?: string; name?: string; without?: string } = {}
) => {
  const work = listing({ root, ignore: parseIgnore(ignore), without }, name)
  for (;;) {
    const { done, value } = work.next()
    if (done === true) return value
  }
}

const paths = (entry: ContextEntry | undefined, at = ""): ReadonlyArray<string> =>
  (entry?.entries ?? []).flatMap((child) => [
    `${at}${child.name}${child.kind === "directory" ? "/" : ""}${child.ignored ? " ignored" : ""}`,
    ...paths(child, `${at}${child.name}/`)
  ])

describe("a source directory's listing", () => {
  it("has names, types and modes, sorted, and where links lead, which are not followed", () => {
    const root = directoryOf({ "b/file": "", a: "" })
    Fs.chmodSync(`${root}/a`, 0o4751)
    Fs.symlinkSync("/etc", `${root}/c`)
    execFileSync("mkfifo", [`${root}/d`])
    const entries = list(root)?.entries ?? []
    expect(entries.map(({ kind, mode, name, target }) => [name, kind, kind === "file" ? mode : 0, target])).toEqual([
      ["a", "file", 0o4751, ""],
      ["b", "directory", 0, ""],
      ["c", "link", 0, "/etc"],
      ["d", "other", 0, ""]
    ])
    expect(list(root, { name: "c" })?.entries).toEqual([])
    expect(list(root, { name: "none" })).toBeUndefined()
  })

  it("does not look into what is ignored, unless something there may be in again", () => {
    const root = directoryOf({ "x/deep/f": "", "y/kept": "", "y/not": "", z: "" })
    Fs.chmodSync(`${root}/x`, 0)
    expect(paths(list(root, { ignore: "x\ny\n!y/kept" }))).toEqual([
      "x/ ignored",
      "y/ ignored",
      "y/kept",
      "y/not ignored",
      "z"
    ])
  })

  it("lacks the store, wherever it is", () => {
    const root = directoryOf({ "a/store/x": "", "a/store-2": "" })
    expect(paths(list(root, { without: `${root}/a/store` }))).toEqual(["a/", "a/store-2"])
  })

  it("ends in directories that are nested too deep", () => {
    const root = directoryOf({})
    Fs.mkdirSync(`${root}/${"d/".repeat(300)}`, { recursive: true })
    expect(() => list(root)).toThrow(TooDeep)
    expect(list(root, { ignore: "d" })?.entries).toHaveLength(1)
  })

  it("tells archives by what is in them", () => {
    const tar = execFileSync("tar", ["-c", "--format=ustar", "-C", directoryOf({ f: "x".repeat(10_000) }), "f"])
    const root = directoryOf({
      "plain.txt": tar,
      gzip: Zlib.gzipSync(tar),
      "no-tar.tar.gz": Zlib.gzipSync("text"),
      bzip2: "BZh9...",
      "x.tar": "text",
      empty: ""
    })
    const kinds = ["plain.txt", "gzip", "no-tar.tar.gz", "bzip2", "x.tar", "empty"].map((path) => archiveAt(root, path))
    expect(kinds).toEqual(["plain", "gzip", undefined, "bzip2", undefined, undefined])
    Fs.symlinkSync("plain.txt", `${root}/link`)
    Fs.symlinkSync(".", `${root}/to-itself`)
    execFileSync("mkfifo", [`${root}/pipe`])
    for (const path of ["link", "to-itself/plain.txt", "pipe", "none"]) expect(archiveAt(root, path)).toBeUndefined()
  })
})
