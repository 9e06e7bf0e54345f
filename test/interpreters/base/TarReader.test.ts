import { assert, describe, expect, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { ImageProblem } from "../../../src/interpreters/base/ImageProblem.ts"
import type { TarEntry } from "../../../src/interpreters/base/TarHeaders.ts"
import { TarReader } from "../../../src/interpreters/base/TarReader.ts"
import { pack } from "tar-stream"
import { blocks, directory, type Entry, file, hardLink, header, link, paxData, tarOf, withChecksum } from "./images.ts"

interface Read {
  readonly entry: TarEntry
  readonly content: string
}

/** Everything in a tar that comes in chunks of the given sizes (the last one again and again). */
const readAll = (tar: Buffer, sizes: ReadonlyArray<number> = [tar.length]): ReadonlyArray<Read> => {
  const found: Array<Read> = []
  let current: TarEntry | undefined
  let data: Array<Buffer> = []
  const reader = new TarReader({
    entry: (entry) => {
      current = entry
      data = []
    },
    data: (chunk) => data.push(Buffer.from(chunk)),
    end: () => {
      if (current !== undefined) found.push({ entry: current, content: Buffer.concat(data).toString("latin1") })
    }
  })
  for (let at = 0, turn = 0; at < tar.length; turn++) {
    const size = sizes[Math.min(turn, sizes.length - 1)] ?? tar.length
    // Memory of its own, which is overwritten afterwards, as a reused buffer would be.
    const chunk = Buffer.from(tar.subarray(at, at + size))
    reader.write(chunk)
    chunk.fill(0xff)
    at += size
  }
  reader.end()
  return found
}

const paths = (tar: Buffer): ReadonlyArray<string> => readAll(tar).map(({ entry }) => entry.path)

const refused = (tar: Buffer): string => {
  try {
    return `read: ${paths(tar).join(", ")}`
  } catch (error) {
    if (error instanceof ImageProblem) return error.message
    throw error
  }
}

describe("a tar's headers", () => {
  it("are read with every field", () => {
    const [first] = readAll(tarOf([file("a/b", "hello", { mode: 0o4755, uid: 1000, gid: 100, mtime: 1_234_567_890 })]))
    assert.deepStrictEqual(first, {
      entry: {
        type: "File",
        path: "a/b",
        target: "",
        mode: 0o4755,
        uid: 1000,
        gid: 100,
        mtime: 1_234_567_890,
        size: 5,
        major: 0,
        minor: 0,
        xattrs: []
      },
      content: "hello"
    })
  })

  it("tell the types apart", () => {
    const entries: ReadonlyArray<Entry> = [
      file("file"),
      file("old", "", { type: "\0" }),
      file("contiguous", "", { type: "7" }),
      hardLink("hard", "file"),
      link("soft", "file"),
      { path: "char", type: "3", device: [1, 3] },
      { path: "block", type: "4", device: [8, 1] },
      directory("dir/"),
      file("olddir/", "", { type: "0" }),
      { path: "fifo", type: "6" }
    ]
    const found = readAll(tarOf(entries)).map(({ entry }) => [
      entry.path,
      entry.type,
      entry.target,
      entry.major,
      entry.minor
    ])
    assert.deepStrictEqual(found, [
      ["file", "File", "", 0, 0],
      ["old", "File", "", 0, 0],
      ["contiguous", "File", "", 0, 0],
      ["hard", "HardLink", "file", 0, 0],
      ["soft", "Symlink", "file", 0, 0],
      ["char", "CharacterDevice", "", 1, 3],
      ["block", "BlockDevice", "", 8, 1],
      ["dir/", "Directory", "", 0, 0],
      ["olddir/", "Directory", "", 0, 0],
      ["fifo", "Fifo", "", 0, 0]
    ])
  })

  it("may keep mode 0", () => {
    assert.strictEqual(readAll(tarOf([file("secret", "", { mode: 0 })]))[0]?.entry.mode, 0)
  })

  it("take numbers in base 256, negative ones too", () => {
    const [first] = readAll(tarOf([file("a", "", { uid: 2_000_000_000, gid: 4_000_000_000, mtime: -86_400 })]))
    assert.deepInclude(first?.entry, { uid: 2_000_000_000, gid: 4_000_000_000, mtime: -86_400 })
  })

  it("take what pax records say in place of what the header says", () => {
    const pax = {
      path: "long/né",
      uid: "3000000",
      gid: "3000001",
      mtime: "1700000000.25",
      "SCHILY.xattr.security.capability": Buffer.from([1, 0, 0, 2, 0xff, 0x0a, 0x3d])
    }
    const [first] = readAll(tarOf([file("short", "x", { pax })]))
    assert.deepInclude(first?.entry, { path: "long/né", uid: 3_000_000, gid: 3_000_001, mtime: 1_700_000_000.25 })
    assert.deepStrictEqual(
      first?.entry.xattrs.map(({ name, value }) => [name, Buffer.from(value).toString("hex")]),
      [["security.capability", "01000002ff0a3d"]]
    )
  })

  it("take pax records for one entry only, and global ones for all that follow", () => {
    const global = paxData({ uid: "7", mtime: "-1.5" })
    const tar = tarOf([
      file("before"),
      file("global", global, { type: "g" }),
      file("one", "", { pax: { uid: "8" } }),
      file("two"),
      file("three", "", { pax: { mtime: "" } })
    ])
    assert.deepStrictEqual(
      readAll(tar).map(({ entry }) => [entry.path, entry.uid, entry.mtime]),
      [
        ["before", 0, 1_700_000_000],
        ["one", 8, -1.5],
        ["two", 7, -1.5],
        ["three", 7, 1_700_000_000]
      ]
    )
  })

  it("take GNU's long names and link targets", () => {
    const long = `${"d/".repeat(100)}file`
    const tar = tarOf([
      file("././@LongLink", `${long}\0`, { type: "L" }),
      file("././@LongLink", `${long}-target\0`, { type: "K" }),
      link("short", "short-target"),
      file("next")
    ])
    assert.deepStrictEqual(
      readAll(tar).map(({ entry }) => [entry.path, entry.target]),
      [
        [long, `${long}-target`],
        ["next", ""]
      ]
    )
  })

  it("join ustar's prefix to the name", () => {
    const block = header(file("name"))
    block.write("some/prefix", 345)
    assert.deepStrictEqual(paths(tarOf([withChecksum(block)])), ["some/prefix/name"])
  })

  it("may be of the time before ustar", () => {
    const block = header(file("name"))
    block.fill(0, 257, 265)
    assert.deepStrictEqual(paths(tarOf([withChecksum(block)])), ["name"])
  })

  it("may be written by tar-stream", async () => {
    const packed = pack()
    packed.entry({ name: "x".repeat(150), pax: { "SCHILY.xattr.user.a": "b" } }, "text")
    packed.finalize()
    const chunks: Array<Uint8Array> = []
    for await (const chunk of packed) if (chunk instanceof Uint8Array) chunks.push(chunk)
    const [first] = readAll(Buffer.concat(chunks))
    assert.deepInclude(first?.entry, { path: "x".repeat(150), size: 4 })
    assert.strictEqual(first?.content, "text")
  })
})

describe("a tar", () => {
  const entry = FastCheck.record({
    path: FastCheck.stringMatching(/^[a-zé]{1,60}(\/[a-z]{1,60}){0,4}$/),
    content: FastCheck.string({ maxLength: 2000 }),
    uid: FastCheck.nat(0xffff_fffe)
  }).map(({ content, path, uid }): Entry => file("x", content, { pax: { path }, uid }))

  it("reads the same whatever the chunks that it comes in", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.array(entry, { maxLength: 6 }),
        FastCheck.array(FastCheck.integer({ min: 1, max: 1500 }), { minLength: 1, maxLength: 20 }),
        (entries, sizes) => {
          const tar = tarOf(entries)
          assert.deepStrictEqual(readAll(tar, sizes), readAll(tar))
          assert.deepStrictEqual(
            readAll(tar).map(({ entry, content }) => [entry.path, content]),
            entries.map(({ pax, content }) => [pax?.["path"], Buffer.from(content ?? "").toString("latin1")])
          )
        }
      ),
      { numRuns: 200 }
    )
  })

  it("may lack its closing blocks, and may be followed by anything", () => {
    const body = blocks(file("a", "text"))
    assert.deepStrictEqual(paths(body), ["a"])
    assert.deepStrictEqual(paths(Buffer.concat([body, Buffer.alloc(1024), Buffer.from("rubbish".repeat(200))])), ["a"])
    assert.deepStrictEqual(paths(Buffer.alloc(1024)), [])
    assert.deepStrictEqual(paths(Buffer.alloc(0)), [])
  })

  it("is refused when it is cut off anywhere but between entries", () => {
    const tar = Buffer.concat([blocks(file("a", "text", { pax: { path: "b" } })), blocks(file("c", "x".repeat(600)))])
    const ends = new Set([0, 4 * 512, 7 * 512])
    for (let end = 0; end <= tar.length; end++) {
      const result = refused(tar.subarray(0, end))
      // Headers that promise an entry are part of it, except that nothing is lost without it.
      if (ends.has(end) || end === 2 * 512) assert.match(result, /^read/, `cut at ${end}`)
      else assert.match(result, /ends in the middle/, `cut at ${end}`)
    }
  })

  it("is refused with the reason where it is damaged or more than can be kept", () => {
    const damaged = header(file("a"))
    damaged[0] = 0x62
    const octal = header(file("a"))
    octal.write("9999999", 100)
    const wrong: Readonly<Record<string, Buffer>> = {
      "no tar": Buffer.from("this is some text, and no tar archive ".repeat(40)),
      "wrong checksum": damaged,
      "no octal": withChecksum(octal),
      "negative size": tarOf([file("a", "", { size: -1 })]),
      "size beyond all numbers": tarOf([file("a", "", { pax: { size: "99999999999999999999" } })]),
      "fraction of a byte": tarOf([file("a", "", { pax: { size: "1.5" } })]),
      "data after a directory": tarOf([file("a/", "data")]),
      "chown's do-not-change": tarOf([file("a", "", { uid: 0xffff_ffff })]),
      "negative owner": tarOf([file("a", "", { gid: -1 })]),
      "impossible time": tarOf([file("a", "", { pax: { mtime: "9999999999999" } })]),
      "GNU's sparse file": tarOf([file("a", "", { type: "S" })]),
      "pax's sparse file": tarOf([file("a", "", { pax: { "GNU.sparse.major": "1" } })]),
      "unknown type": tarOf([file("a", "", { type: "V" })]),
      "NUL in a name": tarOf([file("a", "", { pax: { path: "a\0b" } })]),
      "NUL in a target": tarOf([link("a", "b", { pax: { linkpath: "a\0b" } })]),
      "name that is not UTF-8": tarOf([file("a", "", { path: Buffer.from([0x61, 0xe9]) })]),
      "pax name that is not UTF-8": tarOf([file("a", "", { pax: { path: Buffer.from([0x61, 0xe9]) } })]),
      "target that is not UTF-8": tarOf([link("a", "b", { target: Buffer.from([0xff]) })]),
      "global name": tarOf([file("g", paxData({ path: "x" }), { type: "g" }), file("a")]),
      "huge header": tarOf([file("x", "", { type: "x", size: 8 * 1024 * 1024 })]),
      "pax without a length": tarOf([file("x", " path=b\n", { type: "x" }), file("a")]),
      "pax with a wrong length": tarOf([file("x", "99 path=b\n", { type: "x" }), file("a")]),
      "pax without a sign": tarOf([file("x", "8 pathb\n", { type: "x" }), file("a")]),
      "pax with a length of 0": tarOf([file("x", "0 path=b\n", { type: "x" }), file("a")])
    }
    expect(Object.entries(wrong).map(([what, tar]) => `${what}: ${refused(tar)}`)).toMatchSnapshot()
  })

  it("is read or refused, whatever bytes it has", () => {
    const sound = tarOf([file("a", "text", { pax: { path: "long" } }), directory("d"), link("l", "t")])
    const change = FastCheck.tuple(FastCheck.nat(sound.length - 1), FastCheck.nat(255))
    FastCheck.assert(
      FastCheck.property(FastCheck.array(change, { maxLength: 5 }), FastCheck.boolean(), (changes, repair) => {
        const tar = Buffer.from(sound)
        for (const [at, byte] of changes) tar[at] = byte
        if (repair) for (let at = 0; at < tar.length; at += 512) withChecksum(tar.subarray(at, at + 512))
        refused(tar)
      }),
      { numRuns: 2000 }
    )
  })
})
