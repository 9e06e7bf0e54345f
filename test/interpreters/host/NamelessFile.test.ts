import { describe, expect, it } from "@effect/vitest"
import * as Fs from "node:fs"
import type { FileHandle } from "node:fs/promises"
import * as NamelessFile from "../../../src/interpreters/host/NamelessFile.ts"
import { scratchDirectory } from "./scratch.ts"

const scratch = scratchDirectory("nameless")

describe("a file without a name", () => {
  it.each<[string, () => Promise<FileHandle>]>([
    ["made without one", () => NamelessFile.open(scratch.path)],
    ["that has lost it", () => NamelessFile.unlinked(`${scratch.path}/name`)]
  ])("%s is in no directory, and can be written and opened again", async (_, open) => {
    const file = await open()
    try {
      expect(Fs.readdirSync(scratch.path)).toEqual([])
      for (const text of ["one ", "two"]) await file.writeFile(text)
      expect(Fs.readFileSync(NamelessFile.pathOf(file.fd), "utf8")).toBe("one two")
      expect(Fs.statSync(NamelessFile.pathOf(file.fd)).mode & 0o777).toBe(0o600)
    } finally {
      await file.close()
    }
    expect(Fs.readdirSync(scratch.path)).toEqual([])
  })

  it("cannot be where there is no directory", async () => {
    await expect(NamelessFile.open(`${scratch.path}/missing`)).rejects.toThrow(/ENOENT/)
  })
})
