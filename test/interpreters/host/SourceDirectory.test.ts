import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { beforeAll, describe } from "vitest"
import { sha256 } from "../../../src/domain/Digest.ts"
import { HashMemo } from "../../../src/interpreters/host/HashMemo.ts"
import * as SourceDirectory from "../../../src/interpreters/host/SourceDirectory.ts"
import { scratchDirectory } from "./scratch.ts"

const scratch = scratchDirectory("source")
const root = `${scratch.path}/src`

beforeAll(() => {
  Fs.mkdirSync(`${root}/dir1/dir2`, { recursive: true })
  Fs.writeFileSync(`${root}/file`, "file")
  Fs.writeFileSync(`${root}/dir1/dir2/file2`, "file2", { mode: 0o755 })
  Fs.symlinkSync("/a/target", `${root}/link`)
  Fs.symlinkSync("dir1", `${root}/dirlink`)
  execFileSync("mkfifo", [`${root}/dir1/fifo`])
})

const manifest = (src: string, exclude: ReadonlyArray<string> = ["fifo"]) =>
  Effect.flatMap(SourceDirectory.make({ path: root }), (tree) => tree.manifest(src, exclude))

const file = (name: string, content: string, executable = false) => ({
  _tag: "File",
  name,
  executable,
  size: content.length,
  digest: sha256(content)
})

describe("the manifest of a source directory", () => {
  it.effect.each(["file", "./file", "/file", ".//./file"])("has the file %s", (src) =>
    Effect.map(manifest(src), (found) => expect(found).toEqual({ path: "file", root: file("file", "file") }))
  )

  it.effect("has a nested file by its path", () =>
    Effect.map(manifest("dir1/dir2/file2"), (found) =>
      expect(found).toEqual({ path: "dir1/dir2/file2", root: file("file2", "file2", true) })
    )
  )

  it.effect("has a link itself, not what it leads to", () =>
    Effect.map(manifest("link"), (found) =>
      expect(found.root).toEqual({ _tag: "Link", name: "link", target: "/a/target" })
    )
  )

  it.effect.each(["", ".", "./", "/"])("has all of the directory for %j, sorted, without what is excluded", (src) =>
    Effect.map(manifest(src, ["fifo", "link", "dirlink"]), (found) =>
      expect(found).toEqual({
        path: "",
        root: {
          _tag: "Directory",
          name: "",
          entries: [
            {
              _tag: "Directory",
              name: "dir1",
              entries: [{ _tag: "Directory", name: "dir2", entries: [file("file2", "file2", true)] }]
            },
            file("file", "file")
          ]
        }
      })
    )
  )

  it.effect("keeps an item that is named although its name is excluded", () =>
    Effect.map(manifest("file", ["file"]), (found) => expect(found.root.name).toBe("file"))
  )

  it.effect.each([
    ["file2", 'Source path "file2" not found'],
    ["file/file2", 'Not a directory: file (in "file/file2")'],
    ["file/", 'Not a directory: file (in "file/")'],
    ["../file", 'Can\'t use .. in source paths! (in "../file")'],
    ["dir1/../file", 'Can\'t use .. in source paths! (in "dir1/../file")'],
    ["link/file", 'Not a regular file: link (in "link/file")'],
    ["dirlink/dir2", 'Not a regular file: dirlink (in "dirlink/dir2")'],
    ["dir1/fifo", 'Not a regular file: dir1/fifo (in "dir1/fifo")']
  ] as const)("refuses %s", ([src, message]) =>
    Effect.map(Effect.flip(manifest(src, [])), (error) => expect(error).toMatchObject({ path: src, message }))
  )

  it.effect("refuses a FIFO that is not excluded, and says where it is", () =>
    Effect.map(Effect.flip(manifest(".", [])), ({ message }) =>
      expect(message).toMatch(/"dir1\/fifo" is neither a file/)
    )
  )

  it.effect("refuses a name that is not UTF-8, and says so", () =>
    Effect.gen(function* () {
      const path = `${scratch.path}/latin1`
      Fs.mkdirSync(path)
      Fs.writeFileSync(Buffer.concat([Buffer.from(`${path}/caf`), Buffer.from([0xe9])]), "")
      const tree = yield* SourceDirectory.make({ path })
      expect((yield* Effect.flip(tree.manifest(".", []))).message).toMatch(/not valid UTF-8/)
    })
  )

  it.effect("does not depend on where the directory is", () =>
    Effect.gen(function* () {
      const copy = `${scratch.path}/elsewhere/below`
      Fs.cpSync(root, copy, { recursive: true, verbatimSymlinks: true, filter: (path) => !path.endsWith("fifo") })
      const tree = yield* SourceDirectory.make({ path: copy })
      expect(yield* tree.manifest(".", [])).toEqual(yield* manifest("."))
    })
  )

  it.effect("takes a file that the memo knows without reading it, and reads one that has changed", () =>
    Effect.gen(function* () {
      const path = `${scratch.path}/memo`
      Fs.mkdirSync(path)
      Fs.writeFileSync(`${path}/f`, "one")
      const memo = new HashMemo()
      memo.remember(Fs.statSync(`${path}/f`), sha256("remembered"), Date.now() + 10_000)
      const tree = yield* SourceDirectory.make({ path, memo })
      expect((yield* tree.manifest("f", [])).root).toMatchObject({ digest: sha256("remembered") })
      Fs.writeFileSync(`${path}/f`, "three")
      expect((yield* tree.manifest("f", [])).root).toMatchObject({ digest: sha256("three"), size: 5 })
    })
  )

  it.effect("leaves no file open", () =>
    Effect.gen(function* () {
      const before = Fs.readdirSync("/proc/self/fd").length
      yield* manifest(".")
      yield* Effect.flip(manifest(".", []))
      yield* Effect.flip(manifest("file/x"))
      expect(Fs.readdirSync("/proc/self/fd").length).toBe(before)
    })
  )
})

describe("a source directory", () => {
  it.effect.each([
    ["missing", /there is no such file or directory/],
    ["file", /it is not a directory/],
    ["loop", /too many symbolic links/]
  ] as const)("that is %s is refused", ([name, message]) =>
    Effect.gen(function* () {
      if (name === "loop") Fs.symlinkSync("loop", `${root}/loop`)
      const error = yield* Effect.flip(SourceDirectory.make({ path: `${root}/${name}` }))
      expect(error.message).toMatch(message)
      Fs.rmSync(`${root}/loop`, { force: true })
    })
  )

  it.effect("may be named through a link", () =>
    Effect.gen(function* () {
      Fs.symlinkSync(root, `${scratch.path}/alias`)
      const tree = yield* SourceDirectory.make({ path: `${scratch.path}/alias` })
      expect(yield* tree.manifest("file", [])).toEqual(yield* manifest("file"))
      expect(Option.isSome(tree.locate)).toBe(true)
    })
  )

  it.effect("whose directory becomes a link while it is read gives nothing of where that leads", () =>
    Effect.gen(function* () {
      const path = `${scratch.path}/swapped`
      const secret = `${scratch.path}/secret`
      for (const directory of [`${path}/d`, secret]) Fs.mkdirSync(directory, { recursive: true })
      Fs.writeFileSync(`${path}/d/f`, "mine")
      Fs.writeFileSync(`${secret}/f`, "not yours")
      const tree = yield* SourceDirectory.make({ path })
      // The attacker swaps as fast as it can while the manifest is taken again and again.
      const swap = `while :; do mv ${path}/d ${path}/e; ln -s ${secret} ${path}/d; rm ${path}/d; mv ${path}/e ${path}/d; done`
      const attacker = yield* Effect.acquireRelease(
        Effect.promise(async () => (await import("node:child_process")).spawn("sh", ["-c", swap], { stdio: "ignore" })),
        (child) => Effect.sync(() => child.kill("SIGKILL"))
      )
      expect(attacker.pid).toBeGreaterThan(0)
      for (let n = 0; n < 300; n++) {
        const found = yield* Effect.either(tree.manifest(".", []))
        expect(JSON.stringify(found)).not.toContain(sha256("not yours"))
        yield* Effect.yieldNow()
      }
    }).pipe(Effect.scoped)
  )

  it.effect("leaves out what it is told to, wherever links lead to it", () =>
    Effect.gen(function* () {
      const root = `${scratch.path}/with-store`
      Fs.mkdirSync(`${root}/below/store/results`, { recursive: true })
      Fs.mkdirSync(`${root}/store`)
      Fs.symlinkSync(root, `${scratch.path}/by-link`)
      for (const path of [root, `${scratch.path}/by-link`]) {
        for (const without of [`${root}/below/store`, `${scratch.path}/by-link/below/../below/store`]) {
          const tree = yield* SourceDirectory.make({ path, without })
          expect(yield* tree.manifest(".", [])).toMatchObject({
            root: { entries: [{ name: "below", entries: [] }, { name: "store" }] }
          })
          expect(yield* Effect.flip(tree.manifest("below/store", []))).toMatchObject({ _tag: "SourceError" })
        }
        const whole = yield* SourceDirectory.make({ path, without: `${scratch.path}/elsewhere` })
        expect(yield* whole.manifest("below/store", [])).toMatchObject({ root: { entries: [{ name: "results" }] } })
      }
    })
  )
})
