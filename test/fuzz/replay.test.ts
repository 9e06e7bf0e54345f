import { describe, expect, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"
import type { Target } from "./targets/Target.ts"
import * as check from "./targets/check.ts"
import * as dockerfile from "./targets/dockerfile.ts"
import * as format from "./targets/format.ts"
import * as imports from "./targets/import.ts"
import * as patterns from "./targets/patterns.ts"
import * as planner from "./targets/planner.ts"
import * as specText from "./targets/specText.ts"
import * as writer from "./targets/writer.ts"

const targets: ReadonlyArray<readonly [name: string, target: Target]> = Object.entries({
  check,
  dockerfile,
  format,
  import: imports,
  patterns,
  planner,
  specText,
  writer
})

const here = import.meta.dirname

/** Inputs that took branches which no shorter one took, and those that a bug was found by. */
const corpus = (name: string): ReadonlyArray<string> => {
  const inputs: unknown = JSON.parse(Fs.readFileSync(Path.join(here, "corpus", `${name}.json`), "utf8"))
  return Array.isArray(inputs) ? inputs.map(String) : []
}

describe("what was found by fuzzing", () => {
  it("is replayed for each target there is", () => {
    const files = Fs.readdirSync(Path.join(here, "targets")).map((file) => Path.basename(file, ".ts"))
    expect(targets.map(([name]) => name).sort()).toEqual(files.filter((name) => name !== "Target").sort())
  })

  it.each(targets)("is answered by %s", (name, { fuzz, seeds }) => {
    const encoder = new TextEncoder()
    const inputs = [...seeds, ...corpus(name)]
    expect(inputs.length).toBeGreaterThan(seeds.length)
    for (const text of inputs) {
      expect(() => {
        fuzz(encoder.encode(text))
      }, JSON.stringify(text)).not.toThrow()
    }
  })
})
