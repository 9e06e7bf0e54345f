import { describe, expect, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { copyKey } from "../../src/domain/Inputs.ts"
import type { Op } from "../../src/domain/Spec.ts"
import * as ManifestNote from "../../src/domain/ManifestNote.ts"
import * as Scenario from "../../src/interpreters/memory/Scenario.ts"
import { base } from "../../src/interpreters/memory/MemoryWorld.ts"
import { align } from "../../src/plan/Alignment.ts"
import type { Change } from "../../src/plan/Change.ts"
import { lines, oneLine, phrase } from "../../src/plan/ChangeText.ts"
import { explain, type Facts, ownKey, planned } from "../../src/plan/Explain.ts"
import { similarity } from "../../src/plan/Similarity.ts"
import { copy, inputsNow, planNow, run, type Setup, spec } from "../interpreters/builds.ts"
import { baseVariations, type Probe, variations, withoutEffect } from "./variations.ts"

const bases = { base: base({ a: "1" }) }

/** The steps of a setup's main spec, with what they copy. */
const factsOf = (setup: Setup): ReadonlyArray<Facts> => {
  const inputs = inputsNow(setup)
  return planNow(setup)
    .steps.filter(({ stage }) => stage === "")
    .map((step) => planned(step, step.kind === "copy" ? inputs.copies.get(copyKey(step)) : undefined))
}

const setupOf = ({ context = {}, ops }: Probe): Setup => ({ bases, context, spec: spec("base", ops) })

const last = (probe: Probe): Facts => {
  const facts = factsOf(setupOf(probe)).at(-1)
  if (facts === undefined) throw new Error("no step")
  return facts
}

/** As the store would give it back. */
const kept = ({ content, step }: Facts): Facts => ({
  step,
  content:
    content === undefined
      ? undefined
      : { ...content, items: ManifestNote.restore(JSON.parse(JSON.stringify(ManifestNote.keep(content.items ?? [])))) }
})

const changes = (before: Probe, after: Probe): ReadonlyArray<Change> => explain(kept(last(before)), last(after))

const tags = (all: ReadonlyArray<Change>): ReadonlyArray<string> => all.map(({ _tag }) => _tag)

/** What is named for each variation of an input, and nothing else. */
const named: Readonly<Record<keyof typeof variations, ReadonlyArray<string>>> = {
  "the command": ["Command"],
  "the shell": ["Shell"],
  "how the shell's arguments are split": ["Shell"],
  "the working directory": ["Workdir"],
  "the user's uid": ["User"],
  "the user's gid": ["User"],
  "the user's name": ["User"],
  "a variable's value": ["Variable"],
  "a variable's name": ["Variable", "Variable"],
  "one more variable": ["Variable"],
  "the network": ["Network"],
  "a cache's name": ["Cache", "Cache"],
  "a cache's target": ["Cache"],
  "one more cache": ["Cache"],
  "a secret's name": ["Secret", "Secret"],
  "a secret's target": ["Secret"],
  "a cache for a secret": ["Cache", "Secret"],
  // It is there that the cache is mounted, too.
  "a relative cache's working directory": ["Workdir", "Cache"],
  "a copied file's content": ["Files"],
  "a copied file's name": ["Files"],
  "a copied file's executable bit": ["Files"],
  "one more file": ["Files"],
  "one more empty directory": ["Files"],
  "where a file is in the copied tree": ["Files"],
  "a link's target": ["Files"],
  "a file for a link": ["Files"],
  "a directory for a file": ["Files"],
  // What is not excluded any more is a file more.
  "what is excluded, where it is there": ["Exclude", "Files"],
  "the name that a copied directory brings": ["Src", "Files"],
  "the order of the items": ["Src", "Files"],
  "that a directory gives what it holds in place of itself": ["Contents", "Files"],
  "what is preserved": ["Preserve"],
  "what is preserved of a link, though it has no mode": ["Preserve"],
  "the mode of a file that is preserved": ["Files"],
  "the executable bits of a file that is preserved": ["Files"],
  "the mode of a directory that is preserved, deep down": ["Files"],
  "the destination's path": ["Destination"],
  "the destination's form": ["Destination"],
  "a relative destination's working directory": ["Destination"],
  "who owns the copied files": ["User"]
}

describe("what changed", () => {
  it.each(Object.entries(variations))("names %s, both ways, and nothing else", (name, [before, after]) => {
    const found = changes(before, after)
    expect(tags(found)).toEqual(named[name])
    expect(tags(changes(after, before)).toSorted()).toEqual(tags(found).toSorted())
    expect(oneLine(found)).not.toBe("")
    for (const change of found) expect(lines(change, 10).join("")).not.toBe("")
  })

  it.each(Object.entries(withoutEffect))("is nothing for %s, which reaches no result", (_, [before, after]) => {
    expect(changes(before, after)).toEqual([])
  })

  it("names a base that means something else", () => {
    const plans = (one: ReturnType<typeof base>) =>
      factsOf({ bases: { base: one }, context: {}, spec: spec("base", []) })
    for (const [name, [before, after]] of Object.entries(baseVariations)) {
      const [one, other] = [plans(before)[0], plans(after)[0]]
      if (one === undefined || other === undefined) throw new Error("no step")
      const isPlatform = name === "the platform of the base"
      expect(tags(explain(one, other)), name).toContain(isPlatform ? "Platform" : "Base")
    }
  })

  it("of a step and itself is nothing, whatever the step", () => {
    FastCheck.assert(
      FastCheck.property(Scenario.scenario(), (scenario) => {
        for (const facts of factsOf(scenario)) {
          expect(explain(facts, facts)).toEqual([])
          expect(explain(kept(facts), facts)).toEqual([])
          expect(similarity(facts, facts)).toBe(1)
        }
      })
    )
  })

  it("of any two steps is something exactly where an input is other", () => {
    FastCheck.assert(
      FastCheck.property(Scenario.scenario(), Scenario.scenario(), (one, other) => {
        for (const before of factsOf(one)) {
          for (const after of factsOf(other)) {
            const found = explain(before, after)
            expect(found.length === 0).toBe(ownKey(before) === ownKey(after))
            expect(oneLine(found) === "").toBe(found.length === 0)
            expect(similarity(before, after) === 1).toBe(found.length === 0)
          }
        }
      }),
      { numRuns: 50 }
    )
  })
})

describe("the files of a copy that changed", () => {
  const files = (count: number, other: Readonly<Record<string, string>> = {}): Probe => ({
    ops: [copy(["probe"], "/p/")],
    context: {
      ...Object.fromEntries(Array.from({ length: count }, (_, index) => [`probe/d${index % 100}/f${index}`, "same"])),
      ...other
    }
  })

  it("are one among 10,000, with its path and what about it", () => {
    const found = changes(files(10_000), files(10_000, { "probe/d7/f107": "other" }))
    expect(found).toEqual([
      {
        _tag: "Files",
        build: null,
        total: 10_000,
        count: 1,
        changes: [{ _tag: "Content", path: "probe/d7/f107", before: 4, after: 5 }]
      }
    ])
    expect(oneLine(found)).toBe("1 of 10,000 files changed: probe/d7/f107 (content)")
  })

  it("are named with their modes where those are preserved", () => {
    const ops = [copy(["probe"], "/p/", { preserve: ["modes"] })]
    const withModes = (file: number, directory: number): Probe => ({
      ops,
      context: { "probe/d": { directory: true, mode: directory }, "probe/d/f": { content: "1", mode: file } }
    })
    const found = changes(withModes(0o644, 0o755), withModes(0o4755, 0o1777))
    expect(oneLine(found)).toBe("2 of 2 files changed: probe/d (mode 1777, was 0755), probe/d/f (mode 4755, was 0644)")
    const plain = { ...withModes(0o644, 0o755), ops: [copy(["probe"], "/p/")] }
    expect(oneLine(changes(plain, withModes(0o644, 0o755)))).toBe("it preserves modes, preserved nothing")
  })

  it("are each named with what is other about it", () => {
    const before: Setup["context"] = {
      "probe/a": "1",
      "probe/bit": "",
      "probe/gone/x": "1",
      "probe/gone/y": "1",
      "probe/link": { link: "a" },
      "probe/type": "",
      "probe/z": "1"
    }
    const after: Setup["context"] = {
      "probe/a": "22",
      "probe/bit": { content: "", mode: 0o755 },
      "probe/link": { link: "z" },
      "probe/new": { link: "a" },
      "probe/type/x": "1",
      "probe/z": "1"
    }
    const ops = [copy(["probe"], "/p/")]
    const found = changes({ ops, context: before }, { ops, context: after })
    expect(found.flatMap((change) => lines(change, 100))).toEqual([
      "6 of 6 files changed:",
      "  probe/a: other content, 2 bytes, was 1",
      "  probe/bit: now executable",
      "  probe/gone: a directory with 2 files, gone",
      "  probe/link: a link to z, was to a",
      "  probe/new: a link, new",
      "  probe/type: a directory, was a file"
    ])
    expect(oneLine(found)).toBe(
      "6 of 6 files changed: probe/a (content), probe/bit (now executable), probe/gone (removed), 3 more"
    )
  })

  it("are not known where the store has not kept them", () => {
    const [before, after] = [last(files(1)), last(files(2))]
    const forgotten = { step: before.step, content: undefined }
    expect(explain(forgotten, after)).toEqual([{ _tag: "UnknownFiles", build: null }])
  })

  it("are the same after they were written down, however deep they are", () => {
    const path = Array.from({ length: 500 }, () => "d").join("/")
    const deep = last({ ops: [copy(["probe"], "/p/")], context: { [`probe/${path}/f`]: "1", "probe/g": "2" } })
    expect(explain(kept(deep), deep)).toEqual([])
    const items = deep.content?.items ?? []
    const note: unknown = JSON.parse(JSON.stringify(ManifestNote.keep(items)))
    expect(ManifestNote.keep(ManifestNote.restore(note) ?? [])).toEqual(note)
  })

  it.each([
    null,
    {},
    [null],
    [{ path: "a" }],
    [{ path: "a", rows: [] }],
    [{ path: "a", rows: [[1, "x"]] }],
    [
      {
        path: "a",
        rows: [
          [0, "x"],
          [0, "y"]
        ]
      }
    ],
    [{ path: "a", rows: [[0, "x", 3]] }],
    [{ path: "a", rows: [["0", "x"]] }]
  ])("are not read from %j", (note) => {
    expect(ManifestNote.restore(note)).toBeUndefined()
  })
})

describe("in words, a change", () => {
  const of = (before: ReadonlyArray<Op>, after: ReadonlyArray<Op>): string =>
    oneLine(changes({ ops: before }, { ops: after }))

  it("says what was and what is", () => {
    const env = (value: string): Op => ({ _tag: "Env", name: "CC", value })
    expect(of([run("make")], [run("make -j4")])).toBe('the command changed: make became "make -j4"')
    expect(of([env("gcc"), run("x")], [env("clang"), run("x")])).toBe("the variable CC is clang, was gcc")
    expect(of([run("x")], [env("gcc"), run("x")])).toBe("the variable CC is new: gcc")
    expect(of([run("x")], [run("x", { network: ["host"] })])).toBe("the network is host, was none")
    expect(of([run("x")], [run("x", { secrets: { key: "/k" } })])).toBe("the secret key is new, at /k")
  })

  it("shows of a long command the line that differs", () => {
    const script = (line: string) => `set -e\n${"echo something long\n".repeat(50)}${line}\n${"true\n".repeat(50)}`
    expect(of([run(script("make all"))], [run(script("make install"))])).toBe(
      'the command changed: "make all" became "make install"'
    )
    const [change] = changes({ ops: [run(script("make all"))] }, { ops: [run(script("make install\nsync"))] })
    expect(change === undefined ? [] : lines(change, 20)).toEqual([
      "the command changed:",
      "  - make all",
      "  + make install",
      "  + sync"
    ])
  })

  it("never acts on a terminal, and is short", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.string({ unit: "binary", maxLength: 300 }), FastCheck.string(), (one, other) => {
        const text = (value: string) => value.replaceAll("\0", "")
        const shown = of([run(`a ${text(one)}`)], [run(`b ${text(other)}\u001b[31m\u202e`)])
        // eslint-disable-next-line no-control-regex
        expect(shown).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/)
        expect(shown.length).toBeLessThan(1000)
      })
    )
    expect(phrase({ _tag: "Variable", name: "A\u001b]0;x\u0007", before: "1\n2", after: "\u001b[2J" })).toBe(
      "the variable A\\u{1b}]0;x\\u{7} is \\u{1b}[2J, was 1\\n2"
    )
  })

  it("is counted where there are many", () => {
    const env = (name: string): Op => ({ _tag: "Env", name, value: "1" })
    expect(of([run("x")], [env("A"), env("B"), env("C"), env("D"), env("E"), run("x")])).toMatch(/; 2 more changes$/)
  })
})

describe("two chains of steps", () => {
  const chain = (...commands: ReadonlyArray<string>) => factsOf(setupOf({ ops: commands.map((one) => run(one)) }))
  const pairs = (before: ReadonlyArray<string>, after: ReadonlyArray<string>) =>
    align(chain(...before), chain(...after)).slice(1)

  it("are paired step by step, so that an inserted one is new and the others are what they were", () => {
    expect(pairs(["make a", "make b"], ["make a", "test everything now", "make b"])).toEqual([
      [1, 1],
      [null, 2],
      [2, 3]
    ])
  })

  it("have a gone one where it was", () => {
    expect(pairs(["make a", "test everything now", "make b"], ["make a", "make b"])).toEqual([
      [1, 1],
      [2, null],
      [3, 2]
    ])
  })

  it("pair what is alike, though neither is the same", () => {
    expect(
      pairs(["apt-get install gcc make", "cargo fetch"], ["cargo fetch --locked", "apt-get install gcc make git"])
    ).toHaveLength(3)
    expect(pairs(["apt-get install gcc", "make all"], ["apt-get install clang", "make all check"])).toEqual([
      [1, 1],
      [2, 2]
    ])
  })

  it("have each step once, in both orders, whatever they are", () => {
    const commands = FastCheck.array(FastCheck.constantFrom("make a", "make b", "test x", "y"), { maxLength: 8 })
    FastCheck.assert(
      FastCheck.property(commands, commands, (before, after) => {
        const found = align(chain(...before), chain(...after))
        const places = (which: 0 | 1) => found.flatMap((pair) => (pair[which] === null ? [] : [pair[which]]))
        expect(places(0)).toEqual([...chain(...before).keys()])
        expect(places(1)).toEqual([...chain(...after).keys()])
      })
    )
  })

  it("of a thousand steps each are paired, too", () => {
    const many = (prefix: string) => Array.from({ length: 1000 }, (_, index) => `${prefix}${index}`)
    const [one, other] = [
      factsOf(setupOf({ ops: many("a").map((text) => run(text)) })),
      factsOf(setupOf({ ops: [...many("b"), "a5"].map((text) => run(text)) }))
    ]
    expect(align(one, other)).toContainEqual([6, 1001])
  })
})
