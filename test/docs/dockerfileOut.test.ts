/** The examples of docs/dockerfiles.md, section "Out". */
import * as Either from "effect/Either"
import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import * as DockerfileLosses from "../../src/domain/dockerfile/DockerfileLosses.ts"
import * as DockerfileWriter from "../../src/domain/dockerfile/DockerfileWriter.ts"
import * as SpecText from "../../src/domain/SpecText.ts"

const section = /^## Out: [\s\S]*?(?=^## |(?![\s\S]))/m.exec(readFileSync("docs/dockerfiles.md", "utf8"))?.[0] ?? ""
const block = (language: string): string => new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(section)?.[1] ?? ""

it("the Dockerfile that is shown is that of the spec before it, and says the same", () => {
  const { spec } = Either.getOrThrow(SpecText.parse(block("scheme"), { file: "docs" }))
  const written = Either.getOrThrow(DockerfileWriter.write(spec, { buildkit: true }))
  expect(`${block("dockerfile")}\n`).toBe(written)
  expect(DockerfileLosses.find(spec, { buildkit: true })).toEqual([])
})
