import * as Fs from "node:fs"
import { describe, expect, it } from "vitest"
import { type Digest, sha256 } from "../../../src/domain/Digest.ts"
import { HashMemo } from "../../../src/interpreters/host/HashMemo.ts"
import { scratchDirectory } from "./scratch.ts"

const scratch = scratchDirectory("memo")
const digest = sha256("content")
const stats = { dev: 1, ino: 2, size: 3, mtimeMs: 1_000_000.25, ctimeMs: 1_000_000.5 }
/** Long after. */
const later = stats.ctimeMs + 10_000

describe("a memo of digests", () => {
  it("knows a file by its device, inode, size and both times, and not one that differs in any of them", () => {
    const memo = new HashMemo()
    memo.remember(stats, digest, later)
    expect(memo.recall(stats)).toBe(digest)
    for (const key of ["dev", "ino", "size", "mtimeMs", "ctimeMs"] as const) {
      expect(memo.recall({ ...stats, [key]: stats[key] + 1 }), key).toBeUndefined()
    }
  })

  it("does not remember a file that changed just before it was read: it may have changed once more since", () => {
    const memo = new HashMemo()
    memo.remember(stats, digest, stats.ctimeMs + 1)
    expect(memo.recall(stats)).toBeUndefined()
    memo.remember({ ...stats, ctimeMs: later + 5000 }, digest, later)
    expect(memo.recall({ ...stats, ctimeMs: later + 5000 })).toBeUndefined()
  })

  it("waits longer where times are whole seconds", () => {
    const coarse = { ...stats, ctimeMs: 1_000_000 }
    const memo = new HashMemo()
    memo.remember(coarse, digest, coarse.ctimeMs + 1500)
    expect(memo.recall(coarse)).toBeUndefined()
    memo.remember(coarse, digest, coarse.ctimeMs + 2500)
    expect(memo.recall(coarse)).toBe(digest)
  })

  it("is the same after it was written and read", () => {
    const file = `${scratch.path}/kept`
    const memo = new HashMemo(file)
    memo.remember(stats, digest, later)
    memo.save(file)
    expect(new HashMemo(file).recall(stats)).toBe(digest)
    expect(Fs.readdirSync(scratch.path)).toEqual(["kept"])
  })

  it("knows all of many files, each with the digest that it had last, however often it is written and read", () => {
    const file = `${scratch.path}/many`
    const statsOf = (ino: number) => ({ ...stats, ino })
    const last = new Map<number, Digest>()
    for (let run = 0; run < 3; run++) {
      const memo = new HashMemo(file)
      for (let ino = run * 50; ino < run * 50 + 200; ino++) {
        const content = sha256(`${run} ${ino}`)
        memo.remember(statsOf(ino), content, later)
        last.set(ino, content)
      }
      memo.save(file)
    }
    const memo = new HashMemo(file)
    for (const [ino, content] of last) expect(memo.recall(statsOf(ino)), `inode ${ino}`).toBe(content)
    expect(memo.recall(statsOf(300))).toBeUndefined()
    Fs.rmSync(file)
  })

  it("writes nothing when there is nothing new", () => {
    const file = `${scratch.path}/kept`
    const before = Fs.statSync(file)
    new HashMemo(file).save(file)
    expect(Fs.statSync(file).ino).toBe(before.ino)
  })

  it.each([
    ["empty", Buffer.alloc(0)],
    ["of another version", Buffer.from("obuilder-hashes-v0\n")],
    ["cut short", Buffer.from("obuilder-hashes-v1\nabc")],
    ["no file of ours", Buffer.from("hello, world\n".repeat(100))]
  ])("counts as empty where its file is %s", (_what, content) => {
    const file = `${scratch.path}/damaged`
    Fs.writeFileSync(file, content)
    expect(new HashMemo(file).recall(stats)).toBeUndefined()
  })
})
