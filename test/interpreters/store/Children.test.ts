import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import { describe, expect, it } from "vitest"
import { sha256, type StepId, stepId } from "../../../src/domain/Digest.ts"
import * as Children from "../../../src/interpreters/store/local/Children.ts"
import { MOST_CHILDREN } from "../../../src/interpreters/Store.ts"
import { scratchDirectory } from "../host/scratch.ts"

const directory = scratchDirectory("children").path
let count = 0
const newFile = (): string => `${directory}/${++count}`
const id = (name: string | number): StepId => stepId(sha256(`${name}`))
const add = (file: string, ...names: ReadonlyArray<string | number>): void => {
  for (const name of names) Children.add(file, id(name), `${file}.new`)
}

describe("what was made on a result", () => {
  it("is nothing where nothing is written", () => {
    expect(Children.newest(newFile())).toEqual([])
  })

  it("is named with the newest first, each once, where it was made last", () => {
    const file = newFile()
    add(file, "a", "b", "a", "c")
    expect(Children.newest(file)).toEqual(["c", "a", "b"].map(id))
  })

  it("is named for so many only", () => {
    const file = newFile()
    const names = Array.from({ length: 3 * MOST_CHILDREN }, (_, index) => index)
    add(file, ...names)
    expect(Children.newest(file)).toEqual(names.slice(-MOST_CHILDREN).toReversed().map(id))
  })

  it("takes no more space than that is worth, however much was made", () => {
    const file = newFile()
    const line = `${id("old")}\n`
    Fs.writeFileSync(file, line.repeat(1_600))
    add(file, "new")
    expect(Fs.statSync(file).size).toBeLessThan(2 * (MOST_CHILDREN + 1) * line.length)
    expect(Children.newest(file)).toEqual(["new", "old"].map(id))
    expect(Fs.existsSync(`${file}.new`)).toBe(false)
  })

  it("is read past what is damaged, or was not written to its end", () => {
    const file = newFile()
    Fs.writeFileSync(
      file,
      `${id("a")}\n../../etc/passwd\n\0\0\0\n${id("b").toUpperCase()}\n${id("c").slice(1)}\n${id("d")}`
    )
    expect(Children.newest(file)).toEqual(["d", "a"].map(id))
    add(file, "e")
    expect(Children.newest(file)).toEqual([id("a")])
    add(file, "f")
    expect(Children.newest(file)).toEqual(["f", "a"].map(id))
  })

  it("is read from the end of a file that is far too large, and cut to that", () => {
    const file = newFile()
    Fs.writeFileSync(file, `${id("a")}\n`)
    // As large as nobody could read it, and nearly all of it a hole.
    Fs.truncateSync(file, 3 * 2 ** 30)
    Fs.appendFileSync(file, `\n${id("b")}\n`)
    expect(Children.newest(file)).toEqual([id("b")])
    add(file, "c")
    expect(Children.newest(file)).toEqual(["c", "b"].map(id))
    expect(Fs.statSync(file).size).toBe(2 * 65)
  })

  it("is neither looked for nor written through a link, in a directory or in a pipe", () => {
    const [target, link, pipe, place] = [newFile(), newFile(), newFile(), newFile()]
    add(target, "a")
    Fs.symlinkSync(target, link)
    execFileSync("mkfifo", [pipe])
    Fs.mkdirSync(place)
    for (const file of [link, pipe, place]) {
      expect(Children.newest(file)).toEqual([])
      add(file, "b")
      expect(Children.newest(file)).toEqual([])
    }
    expect(Children.newest(target)).toEqual([id("a")])
  })

  it("is not remembered where that cannot be written, and nothing fails", () => {
    add(`${directory}/missing/file`, "a")
    expect(Children.newest(`${directory}/missing/file`)).toEqual([])
    expect(Fs.existsSync(`${directory}/missing`)).toBe(false)
  })

  it("is whole where several processes add to it at the same time", async () => {
    const file = newFile()
    // As `add` writes: one write to the end of the file.
    const script = `const Fs = require("fs"), { createHash } = require("crypto")
      for (let n = 0; n < 300; n++) {
        const fd = Fs.openSync(process.argv[1], "a", 0o600)
        Fs.writeSync(fd, createHash("sha256").update(process.argv[2] + n).digest("hex") + "\\n")
        Fs.closeSync(fd)
      }`
    const processes = ["a", "b"].map((name) =>
      spawn(process.execPath, ["-e", script, file, name], { stdio: "inherit" })
    )
    for (let n = 0; n < 300; n++) add(file, `c${n}`)
    for (const one of processes) if (one.exitCode === null) await once(one, "exit")
    const lines = Fs.readFileSync(file, "utf8").trimEnd().split("\n")
    const expected = ["a", "b", "c"].flatMap((name) => Array.from({ length: 300 }, (_, n) => id(`${name}${n}`)))
    expect(lines.toSorted()).toEqual(expected.toSorted())
  })
})
