/** What becomes of a file that is changed between being read and being replaced. */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { Readable } from "node:stream"
import { beforeEach, describe, expect, it } from "vitest"
import * as NodeHost from "../../src/cli/NodeHost.ts"
import { temporaryDirectory } from "./commandLine.ts"

const directory = temporaryDirectory()
const at = (name: string): string => Path.join(directory, name)

const host = NodeHost.make({
  environment: {},
  directory,
  architecture: "x64",
  stdin: () => Readable.from([]),
  id: 1
})

/** Reads a file, lets something happen, and replaces it; says what went wrong. */
const replaced = (name: string, meanwhile: () => void): Promise<string> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const { bytes, replace } = yield* host.readToReplace(name, "the spec")
      meanwhile()
      yield* replace(Buffer.concat([bytes, Buffer.from("!")]))
      return "done"
    }).pipe(Effect.catchAll(({ message }) => Effect.succeed(message)))
  )

beforeEach(() => {
  for (const name of Fs.readdirSync(directory)) Fs.rmSync(at(name), { recursive: true })
  Fs.writeFileSync(at("file"), "read")
  Fs.writeFileSync(at("other"), "another")
  Fs.symlinkSync("file", at("link"))
})

describe("a file that was read", () => {
  it("is replaced with its mode, also where a link leads to it", async () => {
    Fs.chmodSync(at("file"), 0o640)
    expect(await replaced("link", () => undefined)).toBe("done")
    expect(Fs.readFileSync(at("file"), "utf8")).toBe("read!")
    expect(Fs.statSync(at("file")).mode & 0o777).toBe(0o640)
    expect(Fs.readlinkSync(at("link"))).toBe("file")
  })

  it.each([
    [
      "was written to",
      "file",
      'cannot write "file": it has changed meanwhile',
      () => Fs.appendFileSync(at("file"), " more")
    ],
    [
      "became another file",
      "file",
      'cannot write "file": it has changed meanwhile',
      () => Fs.renameSync(at("other"), at("file"))
    ],
    [
      "is no longer where the link leads",
      "link",
      'cannot write "link": it has changed meanwhile',
      () => {
        Fs.rmSync(at("link"))
        Fs.symlinkSync("other", at("link"))
      }
    ],
    ["is gone", "file", 'cannot write "file": there is no such file or directory', () => Fs.rmSync(at("file"))]
  ])("is left alone if it %s, and nothing is left behind", async (_, name, message, meanwhile) => {
    let before: ReadonlyArray<string> = []
    const content = () =>
      Fs.readdirSync(directory)
        .toSorted()
        .map((one) => `${one} ${Fs.existsSync(at(one)) ? Fs.readFileSync(at(one), "utf8") : "nothing"}`)
    const said = await replaced(name, () => {
      meanwhile()
      before = content()
    })
    expect(said).toBe(message)
    expect(content()).toEqual(before)
  })

  it("is left alone if a directory has its name", async () => {
    const becomesDirectory = () => {
      Fs.rmSync(at("file"))
      Fs.mkdirSync(at("file"))
    }
    expect(await replaced("file", becomesDirectory)).toBe('cannot write "file": it is no regular file')
    expect(Fs.readdirSync(directory).toSorted()).toEqual(["file", "link", "other"])
  })
})
