/** `obuilder explain`, and what `build` says of steps that are not cached, on a world in memory. */
import * as Effect from "effect/Effect"
import { beforeEach, describe, expect, it } from "vitest"
import * as Memory from "../../src/interpreters/memory/Memory.ts"
import * as MemoryWorld from "../../src/interpreters/memory/MemoryWorld.ts"
import { Store } from "../../src/interpreters/Store.ts"
import { obuilder, temporaryDirectory, writeFiles } from "./commandLine.ts"

const directory = temporaryDirectory()

const SPEC = `((build dev
  ((from base)
   (shell sh -c)
   (copy (src main.c) (dst /src/))
   (run (shell "copy /src/main.c /out"))))
 (from base)
 (shell sh -c)
 (env CC gcc)
 (workdir /w)
 (copy (src lib) (dst ./))
 (copy (from (build dev)) (src /out) (dst /out))
 (run (shell "echo one"))
 (run (shell "echo two")))
`

const base = (text: string) => MemoryWorld.base({ "etc/motd": text })
let world = MemoryWorld.make({ base: base("hello\n") })

beforeEach(() => {
  world = MemoryWorld.make({ base: base("hello\n") })
  writeFiles(directory, { spec: SPEC, "src/main.c": "main", "src/lib/a.c": "a", "src/lib/b.c": "b" })
})

const run = (...words: ReadonlyArray<string>) => obuilder({ directory, world }, ...words)

/** A build's log: of each step that was not cached its heading, and why. */
const missed = async (): Promise<ReadonlyArray<string>> => {
  const { code, stderr, stdout } = await run("build", "-f", "spec", "src")
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
  return [...stdout.matchAll(/(.*)\n---> not cached: (.*)/g)].map(([, heading, reason]) => `${heading}: ${reason}`)
}

const resultOf = async (): Promise<string> => (await run("build", "-q", "-f", "spec", "src")).stdout.trim()

const explain = async (...words: ReadonlyArray<string>): Promise<string> => {
  const { code, stderr, stdout } = await run("explain", "-f", "spec", "src", ...words)
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
  return stdout.replaceAll(/since [0-9a-f]{12} of .*Z/g, "since ID")
}

const withSpec = (from: string, to: string): void => {
  expect(SPEC).toContain(from)
  writeFiles(directory, { spec: SPEC.replace(from, to) })
}

const FOLLOWS = "what it is built on changed"

describe("obuilder build says of a step that is not cached", () => {
  it("nothing where there was nothing like it", async () => {
    expect(await missed()).toEqual([])
    expect(await missed()).toEqual([])
  })

  it("nothing at a first build, however much its steps are like each other", async () => {
    writeFiles(directory, { spec: "((from base))" })
    await missed()
    const stage = (...names: ReadonlyArray<string>) =>
      `(from base) (shell sh -c) ${names.map((name) => `(run (shell "echo building library ${name}"))`).join(" ")}`
    writeFiles(directory, { spec: `(${stage("alpha", "beta", "gamma")})` })
    expect(await missed()).toEqual([])
    world = MemoryWorld.make({ base: base("hello\n") })
    writeFiles(directory, {
      spec: `((build one (${stage("alpha", "beta", "gamma")})) ${stage("delta", "epsilon")}
        (copy (from (build one)) (src /etc/motd) (dst /one)))`
    })
    expect(await missed()).toEqual([])
  })

  it("what changed, of steps that are like each other", async () => {
    const steps = (...names: ReadonlyArray<string>) =>
      writeFiles(directory, {
        spec: `((from base) (shell sh -c) ${names.map((name) => `(run (shell "echo building library ${name}"))`).join(" ")})`
      })
    steps("alpha", "beta", "gamma")
    await missed()
    steps("alpha", "beta2", "gamma")
    expect(await missed()).toEqual([
      '/: (run (shell "echo building library beta2")): the command changed: "…brary beta" became "…brary beta2"',
      `/: (run (shell "echo building library gamma")): ${FOLLOWS}`
    ])
  })

  it("which file changed, and that what follows is built on it", async () => {
    await missed()
    writeFiles(directory, { "src/lib/a.c": "aa" })
    expect(await missed()).toEqual([
      "/w: (copy (src lib) (dst ./)): 1 of 2 files changed: lib/a.c (content)",
      `/w: (copy (from (build dev)) (src /out) (dst /out)): ${FOLLOWS}`,
      `/w: (run (shell "echo one")): ${FOLLOWS}`,
      `/w: (run (shell "echo two")): ${FOLLOWS}`
    ])
    expect(await missed()).toEqual([])
  })

  it("which file of a nested build came out otherwise", async () => {
    await missed()
    writeFiles(directory, { "src/main.c": "other" })
    expect(await missed()).toEqual([
      "/: (copy (src main.c) (dst /src/)): 1 of 1 file changed: main.c (content)",
      `/: (run (shell "copy /src/main.c /out")): ${FOLLOWS}`,
      "/w: (copy (from (build dev)) (src /out) (dst /out)): 1 of 1 file from the build dev changed: out (content)",
      `/w: (run (shell "echo one")): ${FOLLOWS}`,
      `/w: (run (shell "echo two")): ${FOLLOWS}`
    ])
  })

  it("what changed about a command, in the middle of others", async () => {
    await missed()
    withSpec("echo one", "echo one more")
    expect(await missed()).toEqual([
      '/w: (run (shell "echo one more")): the command changed: "echo one" became "echo one more"',
      `/w: (run (shell "echo two")): ${FOLLOWS}`
    ])
  })

  it("nothing of an inserted one, and of what follows that it is built on something else", async () => {
    await missed()
    withSpec('(run (shell "echo one"))', '(run (shell "write /checked yes")) (run (shell "echo one"))')
    expect(await missed()).toEqual([
      `/w: (run (shell "echo one")): ${FOLLOWS}`,
      `/w: (run (shell "echo two")): ${FOLLOWS}`
    ])
  })

  it("of what followed one that is gone that it is built on something else", async () => {
    await missed()
    withSpec('(run (shell "echo one"))\n', "")
    expect(await missed()).toEqual([`/w: (run (shell "echo two")): ${FOLLOWS}`])
  })

  it("that a base means something else, and what changed besides", async () => {
    await missed()
    world.bases.set("base", base("other\n"))
    withSpec("(env CC gcc)", "(env CC clang)")
    const [first, ...others] = await missed()
    expect(first).toMatch(/^\(from base\): the base base is another one: [0-9a-f]{12}, was [0-9a-f]{12}$/)
    expect(others).toContain(`/w: (run (shell "echo one")): the variable CC is clang, was gcc; ${FOLLOWS}`)
    expect(others).toContain(`/w: (copy (src lib) (dst ./)): ${FOLLOWS}`)
  })

  it("nothing of another project on the same base", async () => {
    await missed()
    writeFiles(directory, { spec: '((from base) (shell sh -c) (run (shell "write /x y")) (run (shell "cat /x")))' })
    expect(await missed()).toEqual([])
  })

  it("the nearest of what there is: what it is compared with need not be the newest", async () => {
    await missed()
    withSpec("echo two", "echo two three four")
    await missed()
    withSpec("echo two", "echo two!")
    expect(await missed()).toEqual([
      '/w: (run (shell "echo two!")): the command changed: "echo two" became "echo two!"'
    ])
  })

  it("only once where two stages share the step, at any number of jobs", async () => {
    const shared = `(from base) (shell sh -c) (copy (src lib) (dst /lib/)) (run (shell "write /out made"))`
    const spec = `((build one (${shared})) (build two (${shared})) (from base)
      (copy (from (build one)) (src /out) (dst /1)) (copy (from (build two)) (src /out /lib) (dst /2/)))`
    const logs: Array<string> = []
    for (const jobs of ["1", "4"]) {
      world = MemoryWorld.make({ base: base("hello\n") })
      writeFiles(directory, { spec, "src/lib/b.c": "b" })
      await missed()
      writeFiles(directory, { "src/lib/b.c": "bb" })
      const { code, stdout } = await run("build", "-f", "spec", "src", `--jobs=${jobs}`)
      expect(code).toBe(0)
      expect(stdout.match(/---> not cached: 1 of 2 files changed: lib\/b.c/g)).toHaveLength(1)
      logs.push(stdout)
    }
    expect(logs[1]).toBe(logs[0])
  })

  it("nothing, and builds all the same, where the notes of earlier results are damaged", async () => {
    await missed()
    for (const { notes } of world.results.values()) {
      notes.set("recipe", '{"version":1,"step":null}')
      notes.set("manifest", "{")
    }
    writeFiles(directory, { "src/lib/a.c": "aa" })
    expect(await missed()).toEqual([])
  })
})

describe("obuilder explain", () => {
  it("says that nothing is to run where all is cached", async () => {
    await missed()
    expect(await explain()).toBe("Nothing is to run: 5 steps are cached.\n")
  })

  it("says of a first build that there is nothing like it", async () => {
    const text = await explain()
    expect(text.match(/nothing like it is in the store/g)).toHaveLength(8)
  })

  it("says of each step that would run what changed, and since when", async () => {
    await missed()
    writeFiles(directory, { "src/lib/a.c": "aa" })
    withSpec("echo two", "echo three")
    expect(await explain()).toBe(`build dev:
  3 steps are cached
main:
  1 step is cached
  to run  /w: (copy (src lib) (dst ./))
          1 of 2 files changed:
            lib/a.c: other content, 2 bytes, was 1
          since ID
  to run  /w: (copy (from (build dev)) (src /out) (dst /out))
          ${FOLLOWS}
          since ID
  to run  /w: (run (shell "echo one"))
          ${FOLLOWS}
          since ID
  to run  /w: (run (shell "echo three"))
          the command changed:
            - echo two
            + echo three
          ${FOLLOWS}
          since ID
`)
  })

  it("changes nothing", async () => {
    await missed()
    writeFiles(directory, { "src/main.c": "other" })
    const before = [...world.results.keys(), ...world.realised.keys()]
    const activities = world.activities.length
    await explain()
    expect([...world.results.keys(), ...world.realised.keys()]).toEqual(before)
    expect(world.activities).toHaveLength(activities)
  })

  it("says what waits for a nested build that is to run", async () => {
    await missed()
    writeFiles(directory, { "src/main.c": "other" })
    const text = await explain()
    expect(text).toContain("            main.c: other content, 5 bytes, was 4\n")
    expect(text).toContain("          the build dev, which it copies from, changed\n")
  })

  it("names the file of a nested build that is cached", async () => {
    await missed()
    writeFiles(directory, {
      "src/main.c": "other",
      alone: `((from base) (shell sh -c) (copy (src main.c) (dst /src/)) (run (shell "copy /src/main.c /out")))`
    })
    expect((await run("build", "-f", "alone", "src")).code).toBe(0)
    expect(await explain()).toContain(`  to run  /w: (copy (from (build dev)) (src /out) (dst /out))
          1 of 1 file from the build dev changed:
            out: other content, 5 bytes, was 4
          since ID
`)
  })

  it("compares with a result, step by step, and with what its nested builds were", async () => {
    const id = await resultOf()
    writeFiles(directory, { "src/main.c": "other" })
    withSpec('(run (shell "echo one"))', '(run (shell "write /checked yes"))')
    await resultOf()
    // Whatever else has been built since.
    const text = await explain("--against", id.slice(0, 12))
    expect(text).toContain("build dev:\n  1 step is cached\n  cached  /: (copy (src main.c) (dst /src/))\n")
    expect(text).toContain("            main.c: other content, 5 bytes, was 4\n")
    expect(text).toContain('  cached  /w: (run (shell "write /checked yes"))\n          it is a new step\n')
    expect(text).toContain("1 of 1 file from the build dev changed:")
  })

  it("compares with another spec, so that an inserted step is new and the others are what they were", async () => {
    await resultOf()
    writeFiles(directory, { old: SPEC })
    withSpec('(run (shell "echo one"))', '(run (shell "write /checked yes")) (run (shell "echo one"))')
    expect(await explain("--against", "old")).toBe(`main:
  3 steps are cached
  to run  /w: (run (shell "write /checked yes"))
          it is a new step
  to run  /w: (run (shell "echo one"))
          ${FOLLOWS}
  to run  /w: (run (shell "echo two"))
          ${FOLLOWS}
`)
  })

  it("prints JSON with each change, and the reason in words", async () => {
    await missed()
    withSpec("(env CC gcc)", "(env CC clang)")
    const { stages } = JSON.parse((await run("explain", "-f", "spec", "src", "--format=json")).stdout)
    expect(stages.map((stage: { label: string }) => stage.label)).toEqual(["dev", ""])
    expect(stages[1].steps.at(-2)).toMatchObject({
      kind: "run",
      heading: '/w: (run (shell "echo one"))',
      cached: null,
      reason: "the variable CC is clang, was gcc",
      earlier: { heading: '/w: (run (shell "echo one"))' },
      changes: [{ _tag: "Variable", name: "CC", before: "gcc", after: "clang" }]
    })
  })

  it("never shows what is in a secret", async () => {
    writeFiles(directory, {
      token: "swordfish",
      spec: SPEC.replace('"echo two"', '"echo two") (secrets (token (target /run/secrets/token))')
    })
    const built = await run("build", "-f", "spec", "src", "--secret=token:token")
    expect(built.code).toBe(0)
    writeFiles(directory, { spec: SPEC.replace('"echo two"', '"echo two") (secrets (token (target /t))') })
    const text = (await explain()) + (await explain("--format=json"))
    expect(text).toContain("the secret token is at /t, was at /run/secrets/token")
    expect(text).not.toContain("swordfish")
  })

  it("shows no value of a variable whose name looks like a secret's, nor does build or diff", async () => {
    const names = ["NPM_TOKEN", "secret", "DB_PASSWORD", "X_PASSWD", "API_KEY", "SSHKEY", "AWS_CREDENTIALS"]
    const text = (value: string, shown = value) =>
      SPEC.replace(
        "(env CC gcc)",
        `(env KEYBOARD ${shown}) ${names.map((name) => `(env ${name} ${value})`).join(" ")} ${value === "xyzzy" ? `(env NEW_TOKEN ${value})` : `(env OLD_TOKEN ${value})`}`
      )
    writeFiles(directory, { spec: text("swordfish", "us"), old: text("swordfish", "us") })
    const id = await resultOf()
    writeFiles(directory, { spec: text("xyzzy", "de") })
    const shown = [
      await explain(),
      await explain("--format=json"),
      await explain("--against=old"),
      (await run("diff", "--dir=src", "old", "spec")).stdout,
      (await run("diff", "--dir=src", "--format=json", "old", "spec")).stdout,
      (await missed()).join("\n")
    ]
    const other = await resultOf()
    shown.push((await run("diff", id, other)).stdout, (await run("diff", "--format=json", id, other)).stdout)
    expect(shown.filter((one) => /swordfish|xyzzy/.test(one))).toEqual([])
    for (const name of names) expect(shown[0]).toContain(`the variable ${name} changed\n`)
    expect(shown[0]).toContain("the variable KEYBOARD is de, was us\n")
    expect(shown[0]).toContain("the variable NEW_TOKEN is new\n")
    expect(shown[0]).toContain("the variable OLD_TOKEN is gone\n")
    expect(JSON.parse(shown[1] ?? "").stages[1].steps.at(-1).changes).toContainEqual({
      _tag: "Variable",
      name: "NEW_TOKEN",
      before: null,
      after: "(not shown)"
    })
  })

  it("says what is wrong with what it is to be compared with", async () => {
    const id = await run("explain", "-f", "spec", "src", "--against=abcdef")
    expect(id).toEqual({ code: 2, stdout: "", stderr: 'obuilder: the store has no result "abcdef"\n' })
    const spec = await run("explain", "-f", "spec", "src", "--against=missing")
    expect(spec.stderr).toContain("missing")
    expect({ code: spec.code, stdout: spec.stdout }).toEqual({ code: 2, stdout: "" })
  })
})

describe("where the note of how a result was made is damaged", () => {
  const damages: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    "no step": { step: null },
    "a step of no kind": { step: { kind: "x" } },
    "a step without its fields": { step: { kind: "run" } },
    "a time that is none": { begun: "then" },
    "no time": { begun: null },
    "a time that no calendar has": { begun: 1e300 },
    "a copy of something else": { copied: 5 },
    "nothing of a copy": { copied: undefined },
    "a copy from nowhere": { copied: { digest: "x", from: 3 } }
  }

  it.each(Object.entries(damages))("by %s, explain goes without it", async (_, damage) => {
    const id = await resultOf()
    for (const { notes } of world.results.values()) {
      const recipe = notes.get("recipe")
      if (typeof recipe !== "string") throw new Error("no recipe")
      notes.set("recipe", JSON.stringify({ ...JSON.parse(recipe), ...damage }))
    }
    withSpec("echo two", "echo three")
    const nothing = '  to run  /w: (run (shell "echo three"))\n          '
    expect(await explain()).toContain(`${nothing}it is a new step`)
    expect(await explain("--against", id.slice(0, 12))).toContain(`${nothing}it is a new step`)
    expect(JSON.parse(await explain("--format=json")).stages).toHaveLength(2)
  })
})

describe("the store in memory", () => {
  it("names what was made on a result that has gone only as long as it is there", async () => {
    await missed()
    const named = await Effect.runPromise(
      Effect.gen(function* () {
        const store = yield* Store
        const [child] = [...world.results.values()].filter(({ info }) => info.heading.includes("echo two"))
        if (child === undefined) throw new Error("it was not built")
        world.results.delete(child.info.id)
        return (yield* store.children(child.info.parent)).length
      }).pipe(Effect.provide(Memory.layer(world)))
    )
    expect(named).toBe(0)
    // Of a result that was deleted nothing is known here.
    expect(await missed()).toEqual([])
  })
})
