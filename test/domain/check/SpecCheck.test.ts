import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as JSONSchema from "effect/JSONSchema"
import * as Schema from "effect/Schema"
import * as CheckJson from "../../../src/domain/check/CheckJson.ts"
import { CheckReport } from "../../../src/domain/check/CheckReport.ts"
import * as Sarif from "../../../src/domain/check/Sarif.ts"
import * as SpecCheck from "../../../src/domain/check/SpecCheck.ts"
import * as SpecText from "../../../src/domain/SpecText.ts"
import { allRules } from "../../../src/plan/PlanRule.ts"
import { specArbitrary } from "../SpecArbitrary.ts"

const check = (text: string, ignore: ReadonlyArray<string> = []): SpecCheck.Checked =>
  SpecCheck.check(text, { file: "a b/test.spec", rules: allRules, ignore })

const found = (text: string, ignore?: ReadonlyArray<string>): ReadonlyArray<string> =>
  check(text, ignore).findings.map(({ rule, span }) => `${span.start.line} ${rule}`)

const fix = (text: string): string => SpecCheck.fix(text, { file: "test.spec", rules: allRules })

const MANY = `((build dev ((from debian)))
 (from debian:12)
 (workdir src)
 (env A 1)
 (env A 2)
 (copy (src .) (dst ./))
 (run (shell "apt-get install gcc")))
`

describe("what is found in a spec", () => {
  it("comes in the order in which it stands there", () => {
    expect(found(MANY)).toEqual([
      "1 unused-build",
      "1 latest-base",
      "2 unpinned-base",
      "3 relative-workdir",
      "4 no-effect",
      "7 broad-copy",
      "7 no-network",
      "7 apt-yes"
    ])
  })

  it("is an error alone where the text is no spec", () => {
    expect(found("((from a)\n (rnu x))")).toEqual(["2 syntax"])
  })

  it("is without the rules that are ignored everywhere", () => {
    expect(found(MANY, ["unused-build", "latest-base", "apt-yes", "no-network", "broad-copy"])).toEqual([
      "2 unpinned-base",
      "3 relative-workdir",
      "4 no-effect"
    ])
  })

  it("is without those that a comment ignores for what follows it, and for that alone", () => {
    const run = '(run (shell "apt-get install gcc"))'
    expect(found(`((from scratch)\n; check: ignore apt-yes\n; another comment\n${run}\n${run})`)).toEqual([
      "4 no-network",
      "5 no-network",
      "5 apt-yes"
    ])
    expect(found(`((from scratch)\n; check: ignore apt-yes, no-network\n${run} ; check: ignore apt-yes\n)`)).toEqual([])
    expect(found(`; check: ignore apt-yes no-network\n((from scratch) ${run}\n${run})`)).toEqual([])
    expect(
      found(`((from scratch) (env A "; check: ignore apt-yes\n") #|\n; check: ignore no-network\n|# ${run})`)
    ).toEqual(["4 no-network", "4 apt-yes"])
  })

  it("is without those that a comment at the end of its last line ignores, and for that alone", () => {
    const run = '(run\n (shell "apt-get install gcc"))'
    const ignore = "; check: ignore apt-yes, no-network\n"
    expect(found(`((from debian:12) ; check: ignore unpinned-base\n)`)).toEqual([])
    expect(found(`((from scratch) ${run} ${ignore} ${run})`)).toEqual(["3 no-network", "3 apt-yes"])
    expect(found(`((from scratch) ${run}\n ${run}) ${ignore}`)).toEqual(["1 no-network", "1 apt-yes"])
    expect(found(`((build a ((from scratch) ${run})) ${ignore} (from scratch) ${run})`)).toEqual([
      "1 unused-build",
      "3 no-network",
      "3 apt-yes"
    ])
  })

  it("is all builds that have no part in the result, however they copy from each other", () => {
    const copies = (name: string): string => `((from scratch) (copy (from (build ${name})) (src x) (dst y)))`
    expect(found(`((build a ((from scratch)))\n(build b ${copies("a")})\n(from scratch))`)).toEqual([
      "1 unused-build",
      "2 unused-build"
    ])
    const chain = Array.from({ length: 30 }, (_, index) => `(build b${index + 1} ${copies(`b${index}`)})`)
    const text = `((build b0 ((from scratch)))\n${chain.join("\n")}\n(from scratch))`
    expect(check(text).findings).toHaveLength(31)
    expect(fix(text)).toBe("((from scratch))")
  })

  it("is searched for in any spec, and stands within its text", () => {
    FastCheck.assert(
      FastCheck.property(specArbitrary(), (spec) => {
        const text = SpecText.print(spec)
        for (const { message, span } of check(text).findings) {
          expect(message).not.toBe("")
          expect(span.start.offset).toBeLessThan(span.end.offset)
          expect(span.end.offset).toBeLessThanOrEqual(text.length)
        }
      }),
      { numRuns: 300 }
    )
  })

  it("is searched for in any text, and in any command", () => {
    const unit = FastCheck.constantFrom(
      ..."() \n\r;\"'\\#|a$`{&",
      "$(",
      "apt-get ",
      "install ",
      "((from a)",
      "check: ignore "
    )
    FastCheck.assert(
      FastCheck.property(FastCheck.string({ unit, maxLength: 60 }), (text) => {
        check(text)
        check(`((from a) (run (shell ${JSON.stringify(text)})))`)
      }),
      { numRuns: 500 }
    )
  })

  it("is searched for in long commands and many comments in time that their length allows", () => {
    for (const piece of [
      '"',
      "'",
      "\\\\",
      "$(",
      "`",
      "a=",
      "(",
      "# ",
      "apt-get install ",
      "\\n",
      "; check: ignore x "
    ]) {
      const command = JSON.stringify(piece.repeat(20_000))
      expect(check(`((from scratch) (run (shell ${command})))`).findings.length).toBeLessThan(10)
    }
    expect(check(`((from scratch) ${"; check: ignore no-effect\n".repeat(50_000)} (env A 1))`).findings).toEqual([])
  })

  it("is searched for among many mounts in a long directory, and among many directories", () => {
    const caches = Array.from({ length: 60_000 }, (_, index) => `(c${index} (target x${index}))`).join(" ")
    const rules = (workdir: string): ReadonlyArray<string> =>
      check(`((from scratch) (workdir ${workdir}) (run (cache ${caches}) (shell true)))`).findings.map(
        ({ rule }) => rule
      )
    expect(rules("/a".repeat(4900))).toEqual(["plan"])
    expect(rules("/a".repeat(2000))).toEqual(["plan"])
    expect(found(`((from scratch) (workdir /) ${"(workdir abc) (run (shell true)) ".repeat(20_000)})`)).toEqual([
      "1 plan"
    ])
  })

  it("is searched for rule by rule, so that others may have a turn in between", () => {
    const turns = [...SpecCheck.checking(MANY, { file: "test.spec", rules: allRules })]
    expect(turns.length).toBeGreaterThan(allRules.length)
  })

  it("is searched for in many steps that much is set for, which together do not fit into memory", () => {
    const steps = '(run (cache (a (target b))) (shell "x"))'.repeat(10_000)
    const found = (set: string): number => check(`((from scratch) ${set} ${steps})`).findings.length
    expect(found(`(shell ${"a ".repeat(100_000)})`)).toBe(0)
    expect(found(`(user (name ${"a".repeat(300_000)}))`)).toBe(0)
    // There are more mounts in so long a directory than a plan takes.
    expect(found(`(workdir /${"a/".repeat(2000)})`)).toBe(1)
    expect(found("(workdir a)".repeat(50_000))).toBeGreaterThan(0)
  })

  it("is one finding where builds are nested as deep as they may be", () => {
    const text = `${"((build a ".repeat(500)}((from scratch))${") (from scratch))".repeat(500)}`
    expect(check(text).findings.length).toBe(500)
  })
})

describe("safe fixes", () => {
  it("take away what has no effect, until nothing more has none", () => {
    const text = `((build a ((from scratch))) ; kept
 (build b
  ((from scratch) (copy (from (build a)) (src x) (dst y))))
 ; of the base
 (from scratch)
 (env A 1)
 (env A 2)
 (env A 3) ; the last
 (run (shell make)))`
    expect(fix(text)).toBe(`(; kept
 ; of the base
 (from scratch)
 (env A 3) ; the last
 (run (shell make)))`)
  })

  it("take away what ignores rules for what they take away, and for nothing else", () => {
    expect(
      fix(`((build a ((from scratch))) ; check: ignore shadowed-build
 ; check: ignore shadowed-build
 ; check: ignore latest-base
 (build b ((from debian)))
 (from debian) ; check: ignore unpinned-base
 (env A 1)
 (env A 2))`)
    ).toBe(`((from debian) ; check: ignore unpinned-base
 (env A 2))`)
    const between = `((from scratch)
 ; check: ignore lost-path
 ; set for a while
 (env A 1)
 (env A 2))`
    expect(fix(between)).toBe(between)
  })

  it("change nothing where nothing is to be fixed", () => {
    expect(fix('((from debian) (run (shell "curl https://example.org")))')).toBe(
      '((from debian) (run (shell "curl https://example.org")))'
    )
    expect(fix("no spec")).toBe("no spec")
  })

  it("leave a directory whose meaning depends on the base's system", () => {
    for (const [first, second] of [
      ["/a", "C:b"],
      ["/a", "C:/b"],
      ["D:/a", "/b"]
    ]) {
      const text = `((from base) (workdir ${first}) (workdir ${second}) (run (shell make)))`
      expect(fix(text)).toBe(text)
    }
  })

  it("leave a spec that is read, and in which they have nothing more to do", () => {
    const text = FastCheck.constantFrom("a", "b", "/c")
    FastCheck.assert(
      FastCheck.property(specArbitrary({ text, depth: 3 }), (spec) => {
        const fixed = fix(SpecText.print(spec))
        const last = Either.getOrThrow(SpecText.parse(fixed, { file: "fixed" })).spec
        expect(fix(fixed)).toBe(fixed)
        expect(last.from).toBe(spec.from)
        const executed = (ops: typeof spec.ops) => ops.filter(({ _tag }) => _tag === "Run" || _tag === "Copy")
        expect(executed(last.ops)).toEqual(executed(spec.ops))
      }),
      { numRuns: 300 }
    )
  })

  it("that are not safe do what they say, when they are made", () => {
    const text = '((from scratch) (run ; why\n (shell "curl https://example.org")))'
    const [finding] = CheckJson.report([check(text)]).files[0]?.findings ?? []
    const edit = finding?.fix
    if (edit === undefined || edit === null) throw new Error("there is no fix")
    expect(edit.safe).toBe(false)
    const fixed = text.slice(0, edit.start) + edit.text + text.slice(edit.end)
    expect(found(fixed)).toEqual([])
  })
})

describe("the report", () => {
  it("as JSON is what its schema says", () => {
    const text = CheckJson.render([check(MANY), check("(")])
    const report = Schema.decodeUnknownSync(CheckReport)(JSON.parse(text), { onExcessProperty: "error" })
    expect(report).toEqual(CheckJson.report([check(MANY), check("(")]))
  })

  it("has the documented JSON schema (vitest --update writes it)", async () => {
    const schema = JSON.stringify(JSONSchema.make(CheckReport), null, 2)
    await expect(`${schema}\n`).toMatchFileSnapshot("../../../docs/check.schema.json")
  })

  it("as SARIF has what code hosts ask for", () => {
    const checked = [check(MANY), SpecCheck.check("(", { file: "/abs/é.spec", rules: allRules })]
    const log = JSON.parse(Sarif.render(checked, allRules))
    expect(log.version).toBe("2.1.0")
    expect(log.$schema).toMatch(/sarif-2\.1\.0/)
    expect(log.runs).toHaveLength(1)
    const [{ columnKind, results, tool }] = log.runs
    expect(columnKind).toBe("utf16CodeUnits")
    const ids = tool.driver.rules.map(({ id }: { readonly id: string }) => id)
    for (const rule of tool.driver.rules) {
      expect(Object.keys(rule)).toEqual([
        "id",
        "name",
        "shortDescription",
        "fullDescription",
        "help",
        "defaultConfiguration"
      ])
      expect(rule.shortDescription.text.length).toBeLessThanOrEqual(1024)
      expect(["error", "warning", "note"]).toContain(rule.defaultConfiguration.level)
    }
    expect(results).toHaveLength(checked.flatMap(({ findings }) => findings).length)
    for (const one of results) {
      expect(ids[one.ruleIndex]).toBe(one.ruleId)
      expect(["error", "warning", "note"]).toContain(one.level)
      expect(one.message.text).toMatch(/\.$/)
      expect(one.locations).toHaveLength(1)
      const { artifactLocation, region } = one.locations[0].physicalLocation
      expect(["a%20b/test.spec", "file:///abs/%C3%A9.spec"]).toContain(artifactLocation.uri)
      for (const part of ["startLine", "startColumn", "endLine", "endColumn"]) expect(region[part]).toBeGreaterThan(0)
    }
    const fixes = results.flatMap((one: { readonly fixes?: ReadonlyArray<unknown> }) => one.fixes ?? [])
    expect(fixes[0]).toEqual({
      description: { text: "Take the build away." },
      artifactChanges: [
        {
          artifactLocation: { uri: "a%20b/test.spec" },
          replacements: [
            {
              deletedRegion: { startLine: 1, startColumn: 2, endLine: 2, endColumn: 2 },
              insertedContent: { text: "" }
            }
          ]
        }
      ]
    })
  })
})
