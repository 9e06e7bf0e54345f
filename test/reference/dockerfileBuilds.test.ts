/**
 * The Dockerfiles that the original makes of its generated specs, byte by byte,
 * in the BuildKit flavour, given to a real engine: each that it can build without
 * a network has the tree of its spec. Bases are local images by the names that
 * the specs have for them; the source directory is empty.
 */
import * as Either from "effect/Either"
import * as Fs from "node:fs"
import { beforeAll, expect, it } from "vitest"
import * as SpecText from "../../src/domain/SpecText.ts"
import { realEngine } from "../interpreters/docker/engine.ts"
import { scratchDirectory } from "../interpreters/host/scratch.ts"
import { describeWith } from "../requirements.ts"
import { writeBase } from "./buildCases.ts"
import { settle, withoutUnused } from "./dockerfileRules.ts"
import { differences, dockerBuilds, ourBuilds } from "./engineTrees.ts"

interface Case {
  readonly id: string
  readonly spec: string
  readonly expect: {
    readonly unix_buildkit:
      | { readonly result: "converted"; readonly dockerfile: string }
      | { readonly result: "failed" }
  }
}

const cases = Fs.readFileSync("../shared/reference/dockerfile-cases.jsonl", "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Case)
  .flatMap(({ expect: { unix_buildkit: made }, id, spec }) =>
    made.result === "converted" ? [{ id, spec, dockerfile: made.dockerfile }] : []
  )
/** An image has a digest only from a registry. */
const bases = new Set(
  cases.flatMap(({ dockerfile }) => [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, name = ""]) => name))
)
for (const name of bases) if (name === "scratch" || name.includes("@")) bases.delete(name)

const scratch = scratchDirectory("dockerfile-builds")

describeWith(
  ["root", "docker", "dockerBuild", "busybox", "runc", "overlay", "tar"],
  "a Dockerfile of the reference",
  () => {
    const docker = dockerBuilds(realEngine())
    const ours = ourBuilds(scratch.path)
    const context = `${scratch.path}/empty`
    const here: Record<string, string> = {}
    const built: Array<string> = []

    beforeAll(async () => {
      Fs.mkdirSync(context)
      writeBase(`${scratch.path}/base`)
      for (const name of bases) here[name] = await docker.addBase(name, `${scratch.path}/base`)
    })

    it.each(cases.map((one) => [one.id, one] as const))(
      "has the tree of its spec, if it can be built: %s",
      async (id, { dockerfile, spec: text }) => {
        const theirs = await docker.build({ dockerfile, context })
        if (theirs._tag === "Failed") return
        built.push(id)
        const { spec } = Either.getOrThrow(SpecText.parse(text, { file: id }))
        const { rules } = settle({ spec, context: [] })
        expect(["unused builds", "WORKDIR"]).toEqual(expect.arrayContaining([...rules]))
        // A spec makes its working directory when a step first runs there.
        const isWorkdir = rules.includes("WORKDIR")
        const own = await ours.build({ spec: withoutUnused(spec), context, bases: here })
        expect(own._tag).toBe("Built")
        expect(
          differences(theirs, own).filter(
            ({ docker, ours }) => !(isWorkdir && docker.startsWith("dir ") && ours === "nothing")
          )
        ).toEqual([])
      }
    )

    it("is built in these cases; the others lack a base, a source or a program", () => {
      expect(built).toHaveLength(39)
    })
  }
)
