/** How a store's directory is told from others, also while other processes make it. */
import * as Fs from "node:fs"
import { expect, it } from "vitest"
import * as Format from "../../../src/interpreters/store/local/Format.ts"
import { Layout } from "../../../src/interpreters/store/local/Layout.ts"
import { scratchDirectory } from "../host/scratch.ts"

const scratch = scratchDirectory("format")

/** The layout, for one who is interrupted by `work` between the look at the format and that at the directory. */
const interrupted = (layout: Layout, work: () => void): Layout => {
  let looks = 0
  const root = () => {
    if (looks++ === 1) work()
    return layout.root
  }
  return Object.create(layout, { root: { get: root } }) as Layout
}

it("is a store if another process makes it meanwhile", () => {
  const layout = new Layout(`${scratch.path}/store`)
  let isMade = false
  const seen = interrupted(layout, () => {
    Format.makeDirectories(layout)
    Format.write(layout, "overlayfs", `${layout.root}/tmp/format`)
    Fs.writeFileSync(`${layout.root}/synced`, "")
    isMade = true
  })
  expect([Format.check(seen, "overlayfs"), isMade]).toEqual([true, true])
})

it("is none if its format is a link to nowhere", () => {
  Fs.mkdirSync(`${scratch.path}/link`)
  Fs.symlinkSync("nowhere", `${scratch.path}/link/format`)
  expect(() => Format.check(new Layout(`${scratch.path}/link`), "overlayfs")).toThrow(/is not empty and no store/)
})

it("takes back directories that it made, but nothing else", () => {
  const layout = new Layout(`${scratch.path}/above/store`)
  const made = Format.makeDirectories(layout)
  expect(made).toContain(layout.root)
  expect(Format.makeDirectories(layout)).toEqual([])
  Fs.writeFileSync(`${scratch.path}/above/file`, "somebody's")
  Format.removeDirectories(made)
  expect(Fs.readdirSync(`${scratch.path}/above`)).toEqual(["file"])
})
