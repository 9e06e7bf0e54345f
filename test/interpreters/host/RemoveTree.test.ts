/** Trees are removed whatever is in them, and nothing outside of them is. */
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { expect, it } from "vitest"
import { removeTree } from "../../../src/interpreters/host/RemoveTree.ts"
import { describeWith } from "../../requirements.ts"
import { scratchDirectory } from "./scratch.ts"

const scratch = scratchDirectory("remove-tree")

const run = (path: string, between: () => void = () => undefined): void => {
  for (const step = removeTree(path); step.next().done !== true;) between()
}

/** Deeper than any path can name: each directory is made from inside the one before. */
const makeDeep = (path: string, depth: number, name: string): void => {
  Fs.mkdirSync(path)
  const script = `i=0; while [ $i -lt ${depth} ]; do mkdir ${name} && cd -P ${name} && : > file || exit 1; i=$((i+1)); done`
  execFileSync("sh", ["-c", script], { cwd: path })
}

describeWith(["root"], "removing a tree", () => {
  it("removes files, links, directories, and names that are not UTF-8", () => {
    const tree = `${scratch.path}/plain`
    Fs.mkdirSync(`${tree}/a/b/c`, { recursive: true })
    Fs.writeFileSync(`${tree}/a/b/c/file`, "")
    Fs.mkdirSync(Buffer.concat([Buffer.from(`${tree}/a/`), Buffer.of(0xff, 0xfe)]))
    Fs.writeFileSync(Buffer.concat([Buffer.from(`${tree}/a/`), Buffer.of(0xff, 0xfe, 0x2f, 0x80)]), "")
    Fs.symlinkSync(scratch.path, `${tree}/link`)
    Fs.chmodSync(`${tree}/a/b`, 0o000)
    run(tree)
    expect(Fs.existsSync(tree)).toBe(false)
  })

  it("removes a file, a link and nothing", () => {
    const file = `${scratch.path}/file`
    const link = `${scratch.path}/link`
    Fs.writeFileSync(file, "")
    Fs.symlinkSync(file, link)
    run(link)
    expect(Fs.existsSync(file)).toBe(true)
    run(file)
    run(`${scratch.path}/nothing`)
    expect(Fs.existsSync(file)).toBe(false)
  })

  it("is not kept from it by depth or by the length of paths", () => {
    const tree = `${scratch.path}/deep`
    makeDeep(tree, 60, "d".repeat(200))
    run(tree)
    expect(Fs.existsSync(tree)).toBe(false)
  })

  it("follows no link that takes a directory's place meanwhile", () => {
    const tree = `${scratch.path}/swapped`
    const outside = `${scratch.path}/outside`
    Fs.mkdirSync(outside)
    for (let n = 0; n < 100; n++) {
      Fs.writeFileSync(`${outside}/${n}`, "")
      for (const directory of ["a", "b", "c"]) {
        Fs.mkdirSync(`${tree}/${directory}/${n}`, { recursive: true })
        for (let file = 0; file < 3; file++) Fs.writeFileSync(`${tree}/${directory}/${n}/${file}`, "")
      }
    }
    let swaps = 0
    run(tree, () => {
      for (const name of Fs.readdirSync(tree)) {
        if (!Fs.lstatSync(`${tree}/${name}`).isDirectory()) continue
        Fs.renameSync(`${tree}/${name}`, `${scratch.path}/away-${swaps++}`)
        Fs.symlinkSync(outside, `${tree}/${name}`)
        return
      }
    })
    expect(swaps).toBeGreaterThan(0)
    expect(Fs.readdirSync(outside)).toHaveLength(100)
    expect(Fs.existsSync(tree)).toBe(false)
  })
})
