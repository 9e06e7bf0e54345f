/** `obuilder fmt`, on files. */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { beforeEach, describe, expect, it } from "vitest"
import * as MemoryWorld from "../../src/interpreters/memory/MemoryWorld.ts"
import { obuilder, temporaryDirectory, writeFiles } from "./commandLine.ts"

const directory = temporaryDirectory()
const world = MemoryWorld.make({})

const UNTIDY = "((from scratch)(run (shell make))   ; made\n)\n"
const TIDY = '((from scratch)\n (run (shell "make")) ; made\n)\n'

const fmt = (...words: ReadonlyArray<string>) => obuilder({ directory, world }, "fmt", ...words)
const content = (name: string): string => Fs.readFileSync(Path.join(directory, name), "utf8")

beforeEach(() => {
  for (const name of Fs.readdirSync(directory)) Fs.rmSync(Path.join(directory, name), { recursive: true })
  writeFiles(directory, { untidy: UNTIDY, tidy: TIDY, "no spec": "((from a)" })
})

describe("obuilder fmt", () => {
  it("lays files out, says which, and leaves those alone that are laid out", async () => {
    const before = Fs.statSync(Path.join(directory, "tidy"))
    expect(await fmt("untidy", "tidy")).toEqual({ code: 0, stdout: "", stderr: "untidy is laid out anew\n" })
    expect([content("untidy"), content("tidy")]).toEqual([TIDY, TIDY])
    expect(Fs.statSync(Path.join(directory, "tidy")).ino).toBe(before.ino)
    expect(await fmt("untidy", "tidy")).toEqual({ code: 0, stdout: "", stderr: "" })
  })

  it("says nothing with -q", async () => {
    expect(await fmt("-q", "untidy")).toEqual({ code: 0, stdout: "", stderr: "" })
    expect(content("untidy")).toBe(TIDY)
  })

  it("names with --check the files that it would change, and ends with 1 if there are any", async () => {
    expect(await fmt("--check", "tidy", "untidy")).toEqual({ code: 1, stdout: "untidy\n", stderr: "" })
    expect(await fmt("--check", "-q", "untidy")).toEqual({ code: 1, stdout: "", stderr: "" })
    expect(content("untidy")).toBe(UNTIDY)
    expect(await fmt("--check", "tidy")).toEqual({ code: 0, stdout: "", stderr: "" })
  })

  it("prints with --print, and leaves the file as it is", async () => {
    expect(await fmt("--print", "untidy")).toEqual({ code: 0, stdout: TIDY, stderr: "" })
    expect(content("untidy")).toBe(UNTIDY)
  })

  it("makes standard output of standard input", async () => {
    expect(await obuilder({ directory, world, stdin: UNTIDY }, "fmt", "-")).toEqual({
      code: 0,
      stdout: TIDY,
      stderr: ""
    })
    const checked = await obuilder({ directory, world, stdin: UNTIDY }, "fmt", "--check", "-")
    expect(checked).toEqual({ code: 1, stdout: "<stdin>\n", stderr: "" })
  })

  it("says of each file what is wrong with it, lays the others out, and ends with 2", async () => {
    Fs.writeFileSync(Path.join(directory, "latin"), Buffer.from([0xe9]))
    const { code, stderr, stdout } = await fmt("no spec", "nope", "latin", "untidy")
    expect(code).toBe(2)
    expect(stdout).toBe("")
    expect(stderr).toContain("no spec:1:1: error: this list is never closed\n")
    expect(stderr).toContain('obuilder: cannot read the spec "nope": there is no such file or directory\n')
    expect(stderr).toContain("latin:1:1: error: byte 0 of this file is not UTF-8 text\n")
    expect(content("untidy")).toBe(TIDY)
    expect(content("no spec")).toBe("((from a)")
    expect(Fs.readdirSync(directory).toSorted()).toEqual(["latin", "no spec", "tidy", "untidy"])
  })

  it("keeps a file's mode, and writes through a link", async () => {
    Fs.chmodSync(Path.join(directory, "untidy"), 0o640)
    Fs.symlinkSync("untidy", Path.join(directory, "link"))
    expect((await fmt("link")).code).toBe(0)
    expect(Fs.lstatSync(Path.join(directory, "link")).isSymbolicLink()).toBe(true)
    expect(content("untidy")).toBe(TIDY)
    expect(Fs.statSync(Path.join(directory, "untidy")).mode & 0o777).toBe(0o640)
  })

  it.each([
    ["no file", [], "the argument FILE is missing"],
    ["standard input twice", ["-", "-"], "standard input is given more than once"],
    ["--check and --print", ["--check", "--print", "tidy"], "--check and --print exclude each other"],
    ["another command's flag", ["--strict", "tidy"], 'It is one of "obuilder check".']
  ])("refuses %s with 2", async (_, words, message) => {
    const { code, stderr, stdout } = await fmt(...words)
    expect(stderr).toContain(message)
    expect([code, stdout]).toEqual([2, ""])
  })
})
