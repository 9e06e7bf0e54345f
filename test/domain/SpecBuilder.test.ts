import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import type { Op, Spec as Data } from "../../src/domain/Spec.ts"
import * as Spec from "../../src/domain/SpecBuilder.ts"
import * as SpecText from "../../src/domain/SpecText.ts"
import { opArbitrary, specArbitrary, textArbitrary } from "./SpecArbitrary.ts"

const made = (spec: Spec.Spec): Data => Either.getOrThrow(Spec.make(spec))
const read = (text: string): Data => Either.getOrThrow(SpecText.parse(text, { file: "spec" })).spec
const refusal = (spec: Spec.Spec) => Option.getOrThrow(Either.getLeft(Spec.make(spec)))
const names = (spec: Spec.Spec) => made(spec).builds.map(({ name }) => name)

/** The builder's function for an operation that copies from no build. */
const part = (op: Op): Spec.Part => {
  switch (op._tag) {
    case "Comment":
      return Spec.comment(op.text)
    case "Workdir":
      return Spec.workdir(op.path)
    case "Shell":
      return Spec.shell(op.args[0] ?? "", ...op.args.slice(1))
    case "Env":
      return Spec.env(op.name, op.value)
    case "User":
      return op.user._tag === "Unix" ? Spec.user(op.user.uid, op.user.gid) : Spec.userName(op.user.name)
    case "Run":
      return Spec.run(op.shell, {
        caches: op.cache,
        secrets: op.secrets,
        network: op.network.length > 0 ? "host" : "none"
      })
    case "Copy":
      return Spec.copy([op.src[0] ?? "", ...op.src.slice(1)], op.dst, {
        exclude: op.exclude,
        contents: op.contents === true,
        preserve: op.preserve ?? []
      })
  }
}

/** Specs of several values: each new one adds to an earlier one, and may copy from, or require, others. */
const values = (parsed: FastCheck.Arbitrary<Data | undefined>): FastCheck.Arbitrary<ReadonlyArray<Spec.Spec>> =>
  FastCheck.array(
    FastCheck.record({
      on: FastCheck.oneof(textArbitrary, FastCheck.nat()),
      parsed,
      name: FastCheck.option(FastCheck.oneof(FastCheck.constantFrom("dev", "dev-2", "build-1"), textArbitrary)),
      ops: FastCheck.array(opArbitrary(), { maxLength: 3 }),
      from: FastCheck.array(FastCheck.nat(), { maxLength: 3 }),
      required: FastCheck.boolean()
    }),
    { minLength: 1, maxLength: 8 }
  ).map((drafts) => {
    const made: Array<Spec.Spec> = []
    for (const { from, name, on, ops, parsed, required } of drafts) {
      const other = (n: number) => made[n % made.length]
      let spec =
        parsed !== undefined
          ? Either.getOrThrow(Spec.parse(SpecText.print(parsed)))
          : typeof on === "string"
            ? Spec.from(on)
            : (other(on) ?? Spec.from("base"))
      for (const op of ops) spec = spec.pipe(part(op))
      for (const n of from) {
        const source = other(n)
        if (source !== undefined)
          spec = spec.pipe(required ? Spec.requires(source) : Spec.copy("a", "/", { from: source }))
      }
      made.push(name === null ? spec : Spec.named(name, spec))
    }
    return made
  })

const sometimesRead = FastCheck.option(specArbitrary({ depth: 1, operations: 2 }), { freq: 1, nil: undefined })

describe("a spec that is built in code", () => {
  it("is what the reader gives of the text that says the same", () => {
    const dev = Spec.from("debian:12").pipe(
      Spec.workdir("/src"),
      Spec.copy(["Makefile", "hello.c"], "./", { exclude: [".git"] }),
      Spec.run("make", { caches: [{ id: "objects", target: "/src/objects" }] })
    )
    const spec = Spec.from("busybox").pipe(
      Spec.comment("the program alone"),
      Spec.user(1000, 1000),
      Spec.userName("build"),
      Spec.env("A", "1"),
      Spec.env({ B: "2", C: "3 4" }),
      Spec.shell("/bin/sh", "-c"),
      Spec.copy("/src/hello", "/usr/bin/", { from: Spec.named("dev", dev) }),
      Spec.run("hello", { network: "host", secrets: [{ id: "token", target: "/run/secrets/token" }] })
    )
    expect(made(spec)).toEqual(
      read(`((build dev
               ((from debian:12)
                (workdir /src)
                (copy (src Makefile hello.c) (dst ./) (exclude .git))
                (run (cache (objects (target /src/objects))) (shell make))))
             (from busybox)
             (comment "the program alone")
             (user (uid 1000) (gid 1000))
             (user (name build))
             (env A 1) (env B 2) (env C "3 4")
             (shell /bin/sh -c)
             (copy (from (build dev)) (src /src/hello) (dst /usr/bin/))
             (run (network host) (secrets (token (target /run/secrets/token))) (shell hello)))`)
    )
  })

  it("preserves what its copies are to preserve, each once and in one order", () => {
    const kept = Spec.copy("/x", "/", { from: Spec.from("b"), preserve: ["owners", "modes", "owners"] })
    expect(Either.getOrThrow(Spec.make(Spec.from("a").pipe(kept))).ops).toMatchObject([
      { preserve: ["modes", "owners"] }
    ])
    const none = Spec.from("a").pipe(Spec.copy("x", "/", { preserve: [] }))
    expect(Either.getOrThrow(Spec.print(none))).toBe(
      Either.getOrThrow(Spec.print(Spec.from("a").pipe(Spec.copy("x", "/"))))
    )
  })

  it("never changes: what is added makes another one", () => {
    const base = Spec.from("base").pipe(Spec.run("a"))
    const [one, other] = [base.pipe(Spec.run("b")), base.pipe(Spec.run("c"))]
    expect([base, one, other].map((spec) => made(spec).ops.map((op) => (op._tag === "Run" ? op.shell : "")))).toEqual([
      ["a"],
      ["a", "b"],
      ["a", "c"]
    ])
  })

  it("prints as a text that reads back as the same data, whatever is in it", () => {
    FastCheck.assert(
      FastCheck.property(values(sometimesRead), (specs) => {
        for (const spec of specs) {
          const data = made(spec)
          expect(read(SpecText.print(data))).toEqual(data)
          expect(Either.getOrThrow(Spec.print(spec))).toBe(SpecText.print(data))
        }
      }),
      { numRuns: 300 }
    )
  })

  it("has each spec that it needs once, after those which that one needs", () => {
    FastCheck.assert(
      FastCheck.property(values(FastCheck.constant(undefined)), (specs) => {
        const last = specs.at(-1)
        if (last === undefined) return
        const { builds } = made(last)
        expect(new Set(builds.map(({ name }) => name)).size).toBe(builds.length)
        expect(builds.length).toBeLessThan(specs.length)
      }),
      { numRuns: 200 }
    )
  })
})

describe("nested builds as values", () => {
  const dev = Spec.from("a").pipe(Spec.run("make"))

  it("are one build however often one is used, also by another one", () => {
    const test = Spec.from("b").pipe(Spec.copy("/x", "/", { from: dev }), Spec.named("test"))
    const spec = Spec.from("c").pipe(
      Spec.copy("/x", "/", { from: test }),
      Spec.copy("/y", "/", { from: dev }),
      Spec.copy("/z", "/", { from: dev })
    )
    expect(made(spec)).toEqual(
      read(`((build build-1 ((from a) (run (shell make))))
             (build test ((from b) (copy (from (build build-1)) (src /x) (dst /))))
             (from c)
             (copy (from (build test)) (src /x) (dst /))
             (copy (from (build build-1)) (src /y) (dst /))
             (copy (from (build build-1)) (src /z) (dst /)))`)
    )
  })

  it("are told apart where they have one name, and keep clear of names that others have", () => {
    const copies = (...froms: ReadonlyArray<Spec.Spec>) =>
      froms.reduce((spec, from) => spec.pipe(Spec.copy("/x", "/", { from })), Spec.from("c"))
    const named = (name: string) => Spec.named(name, Spec.from(name))
    expect(names(copies(named("dev"), named("dev"), named("dev-2"), named("dev")))).toEqual([
      "dev",
      "dev-3",
      "dev-2",
      "dev-4"
    ])
    expect(names(copies(dev, named("build-1"), Spec.from("x")))).toEqual(["build-2", "build-1", "build-3"])
  })

  it("may be required without copying anything", () => {
    const spec = Spec.from("c").pipe(Spec.requires(Spec.named("tests", dev)))
    expect(made(spec)).toEqual(read("((build tests ((from a) (run (shell make)))) (from c))"))
  })

  it("may be in chains and diamonds of any size", () => {
    let [one, other] = [Spec.from("a"), Spec.from("b")]
    for (let n = 0; n < 2000; n++) {
      const both = Spec.from("c").pipe(
        Spec.copy("/x", "/", { from: one }),
        Spec.copy("/x", "/", { from: other }),
        Spec.named("both")
      )
      ;[one, other] = [both, Spec.from("d").pipe(Spec.copy("/x", "/", { from: both }), Spec.named("other"))]
    }
    expect(made(other).builds).toHaveLength(4001)
  })
})

describe("a spec that was read", () => {
  const text = "((build dev ((build in ((from x))) (from a) (copy (from (build in)) (src /i) (dst /)))) (from b))"

  it("is as it was, and can be added to", () => {
    const spec = Either.getOrThrow(Spec.parse(text))
    expect(made(spec)).toEqual(read(text))
    expect(made(spec.pipe(Spec.run("more"))).ops).toHaveLength(1)
  })

  it("keeps its own builds apart from values of the same names", () => {
    const spec = Either.getOrThrow(Spec.parse(text))
    const dev = Spec.named("dev", Spec.from("other"))
    const both = spec.pipe(Spec.copy("/x", "/", { from: dev }), Spec.copy("/y", "/", { from: spec }))
    expect(made(both)).toEqual({
      builds: [{ name: "dev-2", spec: made(dev) }, { name: "build-1", spec: read(text) }, ...read(text).builds],
      from: "b",
      ops: read(
        "((build dev-2 ((from x))) (build build-1 ((from x))) (from b) (copy (from (build dev-2)) (src /x) (dst /)) (copy (from (build build-1)) (src /y) (dst /)))"
      ).ops
    })
  })

  it("is refused as the reader refuses it", () => {
    expect(Either.getLeft(Spec.parse("((from a) (run))", { file: "f" }))).toEqual(
      Either.getLeft(SpecText.parse("((from a) (run))", { file: "f" }))
    )
    expect(Either.isLeft(Spec.parse('((from "\ud800"))'))).toBe(true)
  })
})

describe("what cannot be a spec's text", () => {
  it("is refused, with the operation", () => {
    expect(refusal(Spec.from("a").pipe(Spec.user(1.5, 0)))).toMatchObject({
      _tag: "InvalidSpec",
      message: "a uid is a whole number",
      place: "(user (uid 1.5) (gid 0))"
    })
    expect(refusal(Spec.from("a").pipe(Spec.user(0, Number.NaN))).message).toBe("a gid is a whole number")
    expect(refusal(Spec.from("a").pipe(Spec.user(2 ** 53, 0))).message).toBe("a uid is a whole number")
    expect(refusal(Spec.from("a").pipe(Spec.copy("a", "/", { preserve: ["owners"] })))).toMatchObject({
      message: "the owners of files in the source directory mean nothing in an image",
      place: "(preserve owners)"
    })
    const half = "\ud83d"
    for (const spec of [
      Spec.from(half),
      Spec.from("a").pipe(Spec.run(half)),
      Spec.from("a").pipe(Spec.run("x", { caches: [{ id: half, target: "/" }] })),
      Spec.from("a").pipe(Spec.run("x", { secrets: [{ id: "s", target: half }] })),
      Spec.from("a").pipe(Spec.copy(["a", half], "/")),
      Spec.from("a").pipe(Spec.copy("a", "/", { exclude: [half] })),
      Spec.from("a").pipe(Spec.env(half, "")),
      Spec.from("a").pipe(Spec.copy("a", "/", { from: Spec.from(half) })),
      Spec.from("a").pipe(Spec.copy("a", "/", { from: Spec.named(half, Spec.from("b")) }))
    ]) {
      expect(refusal(spec).message).toMatch(/ has half a character, which no file can hold$/)
    }
  })

  it("is refused where it comes from a program without types", () => {
    const none = undefined as unknown as string
    expect(refusal(Spec.from(none)).message).toBe("the base is not a text")
    expect(refusal(Spec.from("a").pipe(Spec.run(none)))).toMatchObject({
      message: "the command is not a text",
      place: "(run …)"
    })
    expect(() => Spec.run("x")({} as unknown as Spec.Spec)).toThrow("this is not a spec")
  })

  it("is refused where builds are nested deeper than the reader reads", () => {
    const deep = (depth: number): string => (depth === 0 ? "((from a))" : `((build x ${deep(depth - 1)}) (from a))`)
    const deepest = Either.getOrThrow(Spec.parse(deep(500)))
    expect(Either.isRight(Spec.make(deepest))).toBe(true)
    expect(refusal(Spec.from("a").pipe(Spec.requires(deepest))).message).toBe("builds are nested more than 500 deep")
  })

  it("does not reach a terminal as it is", () => {
    const error = refusal(Spec.from("a").pipe(Spec.run(`\u001b[31m${"x".repeat(10_000)}\ud800`)))
    expect(error.place).not.toContain("\u001b")
    expect(error.place.length).toBeLessThan(200)
  })
})
