/** Dockerfiles, to the byte as OBuilder writes them. */
import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import { readFileSync } from "node:fs"
import * as DockerfileWriter from "../../src/domain/dockerfile/DockerfileWriter.ts"
import * as SpecText from "../../src/domain/SpecText.ts"

type Expected =
  | { readonly result: "converted"; readonly dockerfile: string }
  | { readonly result: "rejected" | "unspecified" }

const variants = {
  unix: {},
  unix_buildkit: { buildkit: true },
  windows: { style: "windows" },
  windows_buildkit: { buildkit: true, style: "windows" }
} as const satisfies Readonly<Record<string, DockerfileWriter.Options>>

const names = ["unix", "unix_buildkit", "windows", "windows_buildkit"] as const

interface Case {
  readonly id: string
  readonly spec: string
  readonly expect: Readonly<Record<(typeof names)[number], Expected>>
}

const cases = readFileSync("../shared/reference/dockerfile-cases.jsonl", "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line): Case => JSON.parse(line))

const written = (one: Case, options: DockerfileWriter.Options): string => {
  const parsed = SpecText.parse(one.spec, { file: one.id })
  if (Either.isLeft(parsed)) return "rejected"
  const dockerfile = DockerfileWriter.write(parsed.right.spec, options)
  if (Either.isRight(dockerfile)) return dockerfile.right
  // What is to blame is known to stand somewhere in the text.
  const span = parsed.right.spans.get(dockerfile.left.node)
  expect(one.spec.slice(span?.start.offset, span?.end.offset)).toContain("target")
  return "unspecified"
}

describe.each(names)("the reference's specs as Dockerfiles: %s", (name) => {
  it.each(cases.map((one) => [one.id, one] as const))("%s", (_, one) => {
    const expected = one.expect[name]
    const text = expected.result === "converted" ? expected.dockerfile : expected.result
    expect(written(one, variants[name])).toBe(text)
  })
})
