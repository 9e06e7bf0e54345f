import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import type { DestinationForm, Manifest as ManifestItem } from "../../src/domain/Manifest.ts"
import * as Manifest from "../../src/domain/Manifest.ts"
import { encode, idOf, type StepKey } from "../../src/plan/StepKey.ts"

interface Vectors {
  readonly steps: ReadonlyArray<{
    readonly name: string
    readonly key: StepKey
    readonly encoding: string
    readonly id: string
  }>
  readonly manifests: ReadonlyArray<{
    readonly name: string
    readonly items: ReadonlyArray<ManifestItem>
    readonly form: DestinationForm
    readonly digest: string
  }>
}

const vectors: Vectors = JSON.parse(readFileSync("test/plan/vectors.json", "utf8"))

const hash = (text: string): string => createHash("sha256").update(text).digest("hex")

describe("an id", () => {
  it.each(vectors.steps)("of $name is that of the committed vector", ({ key, encoding, id }) => {
    expect(encode(key)).toBe(encoding)
    expect(idOf(key)).toBe(id)
    expect(hash(encoding)).toBe(id)
  })

  it("does not depend on the order in which an object's keys were written", () => {
    for (const { key } of vectors.steps) {
      const reversed: StepKey = JSON.parse(JSON.stringify(Object.fromEntries(Object.entries(key).reverse())))
      expect(idOf(reversed)).toBe(idOf(key))
    }
  })

  it("is computed as docs/plan-format.md says", () => {
    const parent = hash(
      `obuilder-step-v1\n{"digest":"${hash("base")}","format":"oci","kind":"base","platform":"linux/amd64"}`
    )
    const run =
      '{"argv":["/usr/bin/env","bash","-c","make"],"caches":[],"cwd":"/","environment":[],"kind":"run",' +
      `"network":"none","parent":"${parent}","secrets":[],"user":{"gid":0,"uid":0}}`
    expect(vectors.steps.map(({ id }) => id)).toContain(hash(`obuilder-step-v1\n${run}`))
  })
})

describe("a manifest's digest", () => {
  it.each(vectors.manifests)("of $name is that of the committed vector", ({ items, form, digest }) => {
    expect(Manifest.digest(items, form)).toBe(digest)
  })

  it("is computed as docs/plan-format.md says", () => {
    const file = `["file","f",true,"${hash("hello")}"]`
    const expected = hash(`obuilder-manifest-v1\n[["link","a","/x"],${file}]`)
    expect(vectors.manifests.map(({ digest }) => digest)).toContain(expected)
  })
})
