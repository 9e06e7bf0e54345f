import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { execFileSync } from "node:child_process"
import { gzipSync } from "node:zlib"
import { decompressed } from "../../../src/interpreters/base/Decompress.ts"
import { describeWith } from "../../requirements.ts"

async function* chunks(data: Buffer, size: number, closed: () => void = () => {}): AsyncGenerator<Buffer> {
  try {
    for (let at = 0; at < data.length; at += size) yield Buffer.from(data.subarray(at, at + size))
  } finally {
    closed()
  }
}

const collected = async (source: AsyncIterable<Buffer>): Promise<Buffer> => {
  const all: Array<Buffer> = []
  for await (const chunk of source) all.push(chunk)
  return Buffer.concat(all)
}

const failure = (source: AsyncIterable<Buffer>): Promise<string> =>
  collected(source).then((data) => `read ${data.length}`, String)

const text = Buffer.from("Some text, not very random. ".repeat(50_000))

describe("decompression", () => {
  it("gives back what was compressed or not, in chunks of any size", async () => {
    await FastCheck.assert(
      FastCheck.asyncProperty(
        FastCheck.uint8Array({ maxLength: 3000 }),
        FastCheck.integer({ min: 1, max: 4000 }),
        async (bytes, size) => {
          const data = Buffer.from(bytes)
          FastCheck.pre(data[0] !== 0x1f && data[0] !== 0x28 && data[0] !== 0xfd && data[0] !== 0x42)
          assert.isTrue((await collected(decompressed(chunks(data, size), "it"))).equals(data))
          assert.isTrue((await collected(decompressed(chunks(gzipSync(data), size), "it"))).equals(data))
        }
      ),
      { numRuns: 100 }
    )
  })

  it("fails for what is damaged or cut off", async () => {
    const data = gzipSync(text)
    const damaged = Buffer.from(data)
    damaged.fill(0x55, 40, 60)
    assert.match(await failure(decompressed(chunks(damaged, 1000), "it")), /^Error: /)
    assert.match(
      await failure(decompressed(chunks(data.subarray(0, data.length - 9), 1000), "it")),
      /unexpected end of file/
    )
  })

  it("fails with the source's own reason where that fails", async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield gzipSync(text).subarray(0, 500)
      throw new Error("the source's reason")
    }
    assert.match(await failure(decompressed(failing(), "it")), /the source's reason/)
  })

  it("lets go of the source when nobody wants more", async () => {
    let closed = 0
    const data = gzipSync(text)
    const source = chunks(data, 100, () => closed++)
    for await (const chunk of decompressed(source, "it")) {
      assert.isAbove(chunk.length, 0)
      break
    }
    await new Promise(setImmediate)
    assert.strictEqual(closed, 1)
  })
})

for (const program of ["zstd", "xz", "bzip2"] as const) {
  describeWith([program], `decompression of ${program}`, () => {
    const compressed = execFileSync(program, ["-c"], { input: text })

    it("gives back what was compressed", async () => {
      assert.isTrue((await collected(decompressed(chunks(compressed, 1000), "it"))).equals(text))
    })

    it("fails for what is damaged, cut off, or followed by something else", async () => {
      const damaged = Buffer.from(compressed)
      const middle = Math.floor(compressed.length / 2)
      damaged.fill(0x55, middle, middle + 20)
      for (const data of [damaged, compressed.subarray(0, -5), Buffer.concat([compressed, text])]) {
        assert.match(await failure(decompressed(chunks(data, 1000), "the layer")), /the layer|unexpected end/)
      }
    })

    it("fails with the source's own reason where that fails", async () => {
      async function* failing(): AsyncGenerator<Buffer> {
        yield compressed.subarray(0, 40)
        throw new Error("the source's reason")
      }
      assert.match(await failure(decompressed(failing(), "it")), /the source's reason/)
    })

    it("ends its process when nobody wants more", async () => {
      let closed = 0
      // More than the pipe between can hold.
      const large = execFileSync(program, ["-c"], { input: Buffer.concat(Array.from({ length: 4 }, () => text)) })
      for await (const chunk of decompressed(
        chunks(large, 50, () => closed++),
        "it"
      )) {
        assert.isAbove(chunk.length, 0)
        break
      }
      assert.strictEqual(closed, 1)
    })
  })
}

describe("decompression without the program for it", () => {
  it("says what to install", async () => {
    const path = process.env["PATH"]
    process.env["PATH"] = "/nonexistent"
    try {
      const xz = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00])
      const error = await collected(decompressed(chunks(xz, 10), "the layer")).catch((cause: unknown) => cause)
      assert.deepInclude(error, { message: "the layer is compressed with xz, and there is no program xz here" })
      assert.match(JSON.stringify(error), /apt-get install xz-utils/)
    } finally {
      process.env["PATH"] = path
    }
  })
})
