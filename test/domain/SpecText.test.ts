import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import { readFileSync } from "node:fs"
import type { Op, Spec } from "../../src/domain/Spec.ts"
import * as SpecText from "../../src/domain/SpecText.ts"
import { opArbitrary, specArbitrary, textArbitrary } from "./SpecArbitrary.ts"

const parse = (text: string) => SpecText.parse(text, { file: "test.spec" })

const parsed = (text: string): SpecText.ParsedSpec => Either.getOrThrow(parse(text))

const ops = (spec: Spec): ReadonlyArray<Op> => [...spec.builds.flatMap((build) => ops(build.spec)), ...spec.ops]

/**
 * What OBuilder (July 2026, Sexplib 0.15.1) makes of texts, recorded by running
 * it: its `Spec.pp`, and of each operation the log's heading in two working
 * directories; without `printed`, it refuses the text.
 */
const recorded: ReadonlyArray<{
  readonly text: string
  readonly printed?: string
  readonly headings?: ReadonlyArray<readonly [string, string]>
}> = JSON.parse(readFileSync(new URL("recorded/obuilder.json", import.meta.url), "utf8"))

const workdirs = ["/", "/src/some/longer/directory/name/that/goes/on/and/on/until/after/the/68th/column"] as const

describe("a spec's text", () => {
  const named = recorded.map((one) => [one.text.length > 100 ? `${one.text.slice(0, 100)}…` : one.text, one] as const)

  it.each(named)("is accepted or refused, and printed, as OBuilder does: %s", (_, { text, printed, headings }) => {
    const result = parse(text)
    expect(Either.isRight(result)).toBe(printed !== undefined)
    if (Either.isLeft(result)) return
    expect(SpecText.print(result.right.spec)).toBe(printed)
    if (headings === undefined) return
    expect(ops(result.right.spec).map((op) => workdirs.map((workdir) => SpecText.heading(workdir, op)))).toEqual(
      headings
    )
  })

  it("reads back as the spec that it was printed from", () => {
    FastCheck.assert(
      FastCheck.property(specArbitrary(), (spec) => {
        expect(parsed(SpecText.print(spec)).spec).toEqual(spec)
      }),
      { numRuns: 1000 }
    )
  })

  it("prints the same after it was read back", () => {
    FastCheck.assert(
      FastCheck.property(specArbitrary({ depth: 3 }), (spec) => {
        const text = SpecText.print(spec)
        expect(SpecText.print(parsed(text).spec)).toBe(text)
      }),
      { numRuns: 300 }
    )
  })

  it("prints each operation so that it reads back", () => {
    FastCheck.assert(
      FastCheck.property(opArbitrary(), (op) => {
        expect(parsed(`((from a) ${SpecText.printOp(op)})`).spec.ops).toEqual([op])
      }),
      { numRuns: 1000 }
    )
  })

  it("has every part's place", () => {
    const text =
      "((build tools ((from a) (workdir /x)))\n (from b)\n (run (cache (c (target /c))) (secrets (s (target /s))) (shell x)))"
    const { spec, spans } = parsed(text)
    const place = (part: object): string => {
      const span = spans.get(part)
      return span === undefined
        ? "none"
        : `${span.start.line}:${span.start.column} ${text.slice(span.start.offset, span.end.offset)}`
    }
    const build = spec.builds[0]
    const run = spec.ops[0]
    if (build === undefined || run?._tag !== "Run") throw new Error("the spec was read wrongly")
    expect([spec, build, build.spec, ...build.spec.ops, run, ...run.cache, ...run.secrets].map(place)).toEqual([
      "2:2 (from b)",
      "1:2 (build tools",
      "1:16 (from a)",
      "1:25 (workdir /x)",
      "3:2 (run (cache (c (target /c))) (secrets (s (target /s))) (shell x))",
      "3:14 (c (target /c))",
      "3:40 (s (target /s))"
    ])
  })

  it("may nest builds five hundred deep, and no deeper", () => {
    const nested = (depth: number): string => "((build a ".repeat(depth) + "((from b))" + ") (from b))".repeat(depth)
    const deepest = parsed(nested(500)).spec
    expect(parsed(SpecText.print(deepest)).spec).toEqual(deepest)
    expect(Either.flip(parse(nested(501))).pipe(Either.getOrThrow).message).toBe("builds are nested more than 500 deep")
  })

  it("is refused, not fatal, when it is a hundred thousand nested lists", () => {
    expect(Either.isLeft(parse("(".repeat(100_000) + ")".repeat(100_000)))).toBe(true)
    expect(Either.isLeft(parse("((build a ".repeat(100_000)))).toBe(true)
    expect(Either.isLeft(parse(`((from a) (run (shell ${"(".repeat(100_000)}${")".repeat(100_000)})))`))).toBe(true)
  })

  it("gives an answer for any list of the language's words", () => {
    const words = [
      "(",
      "(",
      ")",
      ")",
      "from",
      "build",
      "run",
      "Run",
      "shell",
      "copy",
      "src",
      "dst",
      "user",
      "uid",
      "name",
      "env",
      "cache",
      "a",
      "1",
      '""'
    ]
    const unit = FastCheck.constantFrom(...words.map((word) => `${word} `))
    FastCheck.assert(
      FastCheck.property(FastCheck.string({ unit, maxLength: 40 }), (text) => {
        const result = parse(`((from a) (${text}))`)
        if (Either.isRight(result)) expect(parsed(SpecText.print(result.right.spec)).spec).toEqual(result.right.spec)
        else expect(result.left.span.start.line).toBe(1)
      }),
      { numRuns: 2000 }
    )
  })
})

describe("scopes", () => {
  const copy = (name: string) => `(copy (from (build ${name})) (src a) (dst b))`

  it("let a copy see the builds before it, and those around it, by the law's recursive reading", () => {
    const visible = (spec: Spec, scope: ReadonlyArray<string>): boolean => {
      const seen = [...scope]
      for (const build of spec.builds) {
        if (!visible(build.spec, seen)) return false
        seen.push(build.name)
      }
      return spec.ops.every((op) => op._tag !== "Copy" || op.from._tag !== "Build" || seen.includes(op.from.name))
    }
    const name = FastCheck.constantFrom("a", "b", "c")
    const rename = (spec: Spec, names: () => string): Spec => ({
      ...spec,
      builds: spec.builds.map((build) => ({ name: names(), spec: rename(build.spec, names) })),
      ops: spec.ops.map((op) => (op._tag === "Copy" ? { ...op, from: { _tag: "Build", name: names() } } : op))
    })
    FastCheck.assert(
      FastCheck.property(specArbitrary({ text: name, depth: 3 }), FastCheck.infiniteStream(name), (draft, stream) => {
        const spec = rename(draft, () => stream.next().value)
        expect(Either.isRight(parse(SpecText.print(spec)))).toBe(visible(spec, []))
      }),
      { numRuns: 1000 }
    )
  })

  it("forget a build at the end of the spec that holds it", () => {
    expect(Either.isLeft(parse(`((build a ((build b ((from x))) (from x))) (from x) ${copy("b")})`))).toBe(true)
  })

  it("keep an outer build of the same name", () => {
    expect(
      Either.isRight(parse(`((build b ((from x))) (build a ((build b ((from x))) (from x))) (from x) ${copy("b")})`))
    ).toBe(true)
  })
})

describe("headings", () => {
  it("indent what does not fit on the line by two", () => {
    const [op] = parsed('((from a) (run (cache (c (target /c))) (shell "echo hi")))').spec.ops
    if (op === undefined) throw new Error("no operation was read")
    expect(SpecText.heading("/src", op)).toBe('/src: (run (cache (c (target /c)))\n           (shell "echo hi"))')
  })

  it("show bases and nested builds as OBuilder's log does", () => {
    expect(SpecText.fromHeading("busybox:1.36")).toBe("(from busybox:1.36)")
    expect(SpecText.fromHeading("a b")).toBe('(from "a b")')
    expect(SpecText.buildHeading('a"b\né')).toBe('(build "a\\"b\\n\\195\\169" …)')
  })

  it("hold no character but printable ASCII and line ends after the working directory", () => {
    FastCheck.assert(
      FastCheck.property(opArbitrary(), textArbitrary, (op, base) => {
        expect(SpecText.heading("/", op)).toMatch(/^[\x20-\x7e\n]*$/)
        expect(SpecText.fromHeading(base)).toMatch(/^[\x20-\x7e\n]*$/)
      }),
      { numRuns: 500 }
    )
  })
})

describe("decodeUtf8", () => {
  const place = (bytes: ReadonlyArray<number>) =>
    Either.match(SpecText.decodeUtf8(Uint8Array.from(bytes), { file: "test.spec" }), {
      onLeft: ({ span }) => `${span.start.line}:${span.start.column}`,
      onRight: (text) => text
    })

  it("gives the text, with a byte order mark if it has one", () => {
    expect(place([0x61, 0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80])).toBe("aé😀")
    expect(place([0xef, 0xbb, 0xbf, 0x61])).toBe("\ufeffa")
  })

  it("says where the first byte stands that is not UTF-8", () => {
    expect(place([0x61, 0x0a, 0xc3, 0xa9, 0xff])).toBe("2:2")
    expect(place([0xc3])).toBe("1:1")
    expect(place([0x0a, 0x61, 0xe2, 0x82])).toBe("2:2")
  })

  it("agrees with the platform's decoder on which bytes are text, and what is before the first that are not", () => {
    const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
    const isText = (bytes: Uint8Array): boolean => {
      try {
        strict.decode(bytes)
        return true
      } catch {
        return false
      }
    }
    const byte = FastCheck.constantFrom(
      0x0a,
      0x41,
      0x7f,
      0x80,
      0x8f,
      0x90,
      0x9f,
      0xa0,
      0xbf,
      0xc0,
      0xc2,
      0xdf,
      0xe0,
      0xe1,
      0xed,
      0xef,
      0xf0,
      0xf1,
      0xf4,
      0xf5,
      0xff
    )
    FastCheck.assert(
      FastCheck.property(FastCheck.array(byte, { maxLength: 12 }), (array) => {
        const bytes = Uint8Array.from(array)
        const result = SpecText.decodeUtf8(bytes, { file: "test.spec" })
        expect(Either.isRight(result)).toBe(isText(bytes))
        if (Either.isRight(result)) return
        const valid = Number(/^byte (\d+)/.exec(result.left.message)?.[1])
        const lengths = [1, 2, 3, 4]
        expect(isText(bytes.subarray(0, valid))).toBe(true)
        expect(
          lengths.some((length) => valid + length <= bytes.length && isText(bytes.subarray(valid, valid + length)))
        ).toBe(false)
      }),
      { numRuns: 3000 }
    )
  })
})
