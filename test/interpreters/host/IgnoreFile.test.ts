import { describe, expect, it } from "@effect/vitest"
import * as Fs from "node:fs"
import { execFileSync } from "node:child_process"
import { ignoreFile } from "../../../src/interpreters/host/IgnoreFile.ts"
import { scratchDirectory } from "./scratch.ts"

const scratch = scratchDirectory("ignore-file")

const NAME = ".dockerignore"
let made = 0

/** What is read of a source directory in which `make` puts a list at `path`. */
const read = (make: (path: string, root: string) => void): string => {
  const root = `${scratch.path}/${made++}/context`
  Fs.mkdirSync(`${root}/lists`, { recursive: true })
  Fs.writeFileSync(`${root}/lists/mine`, "*.log\n")
  Fs.writeFileSync(`${root}/../outside`, "*.out\n")
  make(`${root}/${NAME}`, root)
  try {
    const bytes = ignoreFile({ directory: root, name: NAME, context: root })
    return bytes === undefined ? "none" : Buffer.from(bytes).toString()
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

describe("a list of what to leave out", () => {
  it("is read where it is, and through links that stay in the source directory", () => {
    expect(read((path) => Fs.writeFileSync(path, "a\n"))).toBe("a\n")
    expect(read((path) => Fs.symlinkSync("lists/mine", path))).toBe("*.log\n")
    expect(read((path, root) => Fs.symlinkSync(`${root}/lists/mine`, path))).toBe("*.log\n")
  })

  it("may be missing, and a directory for it too", () => {
    expect(read(() => undefined)).toBe("none")
    expect(ignoreFile({ directory: `${scratch.path}/none`, name: NAME, context: scratch.path })).toBeUndefined()
  })

  it.each<[string, (path: string) => void, string]>([
    ["a link to a file elsewhere", (path) => Fs.symlinkSync("../outside", path), "leads out of the source directory"],
    ["a link to nothing", (path) => Fs.symlinkSync("lists/none", path), "leads to nothing"],
    ["a link to itself", (path) => Fs.symlinkSync(NAME, path), "leads to nothing"],
    ["a link to a directory", (path) => Fs.symlinkSync("lists", path), "is no regular file"],
    ["a directory", (path) => Fs.mkdirSync(path), "is no regular file"],
    ["a pipe", (path) => execFileSync("mkfifo", [path]), "is no regular file"],
    ["a huge file", (path) => Fs.writeFileSync(path, "x\n".repeat(1_000_001)), "is larger than 2000000 bytes"]
  ])("that is %s is an error that names it", (_, make, why) => {
    const said = read(make)
    expect(said).toContain(`the list "${NAME}" `)
    expect(said).toContain(why)
  })
})
