import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import { sha256 } from "../../src/domain/Digest.ts"
import { copyKey, type Inputs } from "../../src/domain/Inputs.ts"
import type { Copy } from "../../src/domain/Spec.ts"
import * as Spec from "../../src/domain/SpecBuilder.ts"
import * as SpecText from "../../src/domain/SpecText.ts"
import { allSpecs } from "../../src/domain/Bases.ts"
import * as Scenario from "../../src/interpreters/memory/Scenario.ts"
import * as Planner from "../../src/plan/Planner.ts"
import * as Plan from "../../src/plan/Plans.ts"

const base = {
  format: "oci",
  digest: sha256("base"),
  platform: "linux/amd64",
  environment: []
} as const
const inputs: Inputs = { bases: new Map([["base", base]]), copies: new Map() }
const refusal = (spec: Spec.Spec | string) => Either.getOrThrow(Either.flip(Plan.make(spec, inputs)))

describe("Plan.make", () => {
  it("plans what the planner plans of the same data", () => {
    FastCheck.assert(
      FastCheck.property(Scenario.spec(), (data) => {
        const known: Inputs = {
          bases: new Map(allSpecs(data).map(({ from }) => [from, base])),
          copies: new Map(
            allSpecs(data)
              .flatMap(({ ops }) => ops.filter((op): op is Copy => op._tag === "Copy"))
              .map((copy) => [copyKey(copy), []])
          )
        }
        const text = SpecText.print(data)
        const planned = Either.getOrThrow(Planner.plan(data, known))
        expect(Either.getOrThrow(Plan.make(text, known))).toEqual(planned)
        expect(Either.getOrThrow(Plan.make(Either.getOrThrow(Spec.parse(text)), known))).toEqual(planned)
      }),
      { numRuns: 100 }
    )
  })

  it("gives the same ids whatever nested builds are called, and however often one is written", () => {
    const dev = Spec.from("base").pipe(Spec.run("make"))
    const copies = (one: Spec.Spec, other: Spec.Spec) =>
      Spec.from("base").pipe(Spec.copy("/a", "/", { from: one }), Spec.copy("/b", "/", { from: other }))
    const of = (spec: Spec.Spec) => Either.getOrThrow(Plan.make(spec, inputs))
    const shared = of(copies(dev, dev))
    const twice = of(copies(Spec.named("dev", dev), Spec.from("base").pipe(Spec.run("make"))))
    expect(twice.result).toBe(shared.result)
    expect([shared.stages.length, twice.stages.length]).toEqual([2, 3])
  })

  it("refuses paths that together are longer than any that Linux takes", () => {
    const of = (first: number, second: number, target: string) =>
      Plan.make(
        `((from base) (workdir /${"a".repeat(first - 1)}) (workdir ${"b".repeat(second)}) (run (cache (c (target ${target}))) (shell true)))`,
        inputs
      )
    expect(Either.isRight(of(2000, 2094, "/c"))).toBe(true)
    expect(Either.isRight(of(2000, 2089, "cccc"))).toBe(true)
    expect(Either.getOrThrow(Either.flip(of(2000, 2095, "/c"))).message).toBe(
      "this working directory has a path of more than 4095 characters"
    )
    expect(Either.getOrThrow(Either.flip(of(2000, 2089, "ccccc"))).message).toBe(
      "a mount's target has a path of more than 4095 characters"
    )
  })

  it("refuses more mounts in a long directory than anybody writes", () => {
    const caches = Array.from({ length: 2500 }, (_, index) => `(c${index} (target /${index}))`).join(" ")
    const of = (length: number) =>
      Plan.make(
        `((from base) (workdir /${"a".repeat(length - 1)}) (run (cache ${caches}) (shell true)) (run (cache ${caches}) (shell true)))`,
        inputs
      )
    expect(Either.isRight(of(2000))).toBe(true)
    expect(Either.getOrThrow(Either.flip(of(2001))).message).toBe(
      "there are too many mounts in so long a working directory"
    )
  })

  it("says of a text where it is wrong, also of one that a spec in code copies from", () => {
    const text = '((from base)\n (run (network all) (shell "make")))'
    const place = {
      _tag: "SpecError",
      span: { start: { line: 2, column: 2 } },
      message: 'the network "all" is not known'
    }
    expect(refusal(text)).toMatchObject(place)
    const nested = Either.getOrThrow(Spec.parse(text, { file: "dev.spec" }))
    const spec = Spec.from("base").pipe(Spec.copy("/a", "/", { from: nested.pipe(Spec.run("more")) }))
    expect(refusal(spec)).toMatchObject({ ...place, file: "dev.spec" })
    expect(refusal("((from base)")).toMatchObject({ _tag: "SpecError", file: "<spec>" })
  })

  it("says of a spec in code which operation is wrong", () => {
    const wrong = (part: Spec.Part) => refusal(Spec.from("base").pipe(Spec.run("fine"), part))
    expect(wrong(Spec.copy(["a", "b"], "/c"))).toMatchObject({
      _tag: "InvalidSpec",
      message: "when several items are copied, dst must be a directory and end with /",
      place: "(copy (src a b) (dst /c))"
    })
    expect(wrong(Spec.env("A=B", "")).message).toMatch(/cannot be an environment variable/)
    expect(wrong(Spec.user(-1, 0)).message).toMatch(/^user and group ids are whole numbers from 0/)
    expect(wrong(Spec.run("a\0b")).message).toMatch(/NUL/)
    expect(wrong(Spec.copy("a", "/", { from: Spec.from("other") }))).toMatchObject({
      message: 'nothing is known about the base "other"',
      place: "(from other)"
    })
    expect(wrong(Spec.copy(["a", "b"], "/\u001b[31m"))).toMatchObject({
      hint: Option.some('write (dst "/\\u{1b}[31m/")')
    })
    expect(wrong(Spec.run("\ud800"))).toMatchObject({ _tag: "InvalidSpec" })
  })
})
