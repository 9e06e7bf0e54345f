import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { problem } from "../../../src/interpreters/base/ImageProblem.ts"
import * as OciDirectory from "../../../src/interpreters/image/OciDirectory.ts"
import { ociLayout } from "../base/images.ts"
import { temporaryDirectory } from "../base/trees.ts"
import { filesIn } from "./layouts.ts"

it.scoped("a layout is as it was, and nothing of it is open, when a layer could not be read to its end", () =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory
    ociLayout(`${directory}/layout`, { layers: [[]] })
    const before = filesIn(directory)
    const digest = `sha256:${"0".repeat(64)}`
    const read = async function* (): AsyncIterable<Buffer> {
      yield Buffer.from("some of it")
      throw problem("that was all")
    }
    for (const name of ["layout", "new"]) {
      const putting = Effect.flatMap(OciDirectory.open(`${directory}/${name}`), ({ put }) =>
        put({ descriptor: { mediaType: "x", digest, size: 100, diffId: digest }, read })
      )
      expect((yield* Effect.flip(Effect.scoped(putting))).message).toBe("that was all")
    }
    expect(filesIn(directory)).toEqual(before)
    expect(Fs.readdirSync(directory)).toEqual(["layout"])
    expect(openIn(directory)).toEqual([])
  })
)

/** What this process has open below a directory. */
const openIn = (directory: string): ReadonlyArray<string> =>
  Fs.readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const path = Fs.readlinkSync(`/proc/self/fd/${fd}`)
      return path.startsWith(directory) ? [path] : []
    } catch {
      return []
    }
  })
