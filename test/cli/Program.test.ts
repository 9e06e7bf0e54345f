import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { beforeEach, describe, expect, it } from "vitest"
import * as MemoryWorld from "../../src/interpreters/memory/MemoryWorld.ts"
import { Store, StoreError } from "../../src/interpreters/Store.ts"
import { obuilder, temporaryDirectory, writeFiles } from "./commandLine.ts"

const directory = temporaryDirectory()

const SPEC = `((build dev
  ((from base)
   (shell sh -c)
   (run (shell "echo compiling; write /out made"))))
 (from base)
 (shell sh -c)
 (workdir /w)
 (copy (src a.txt) (dst ./))
 (copy (from (build dev)) (src /out) (dst /out))
 (run (shell "cat /out; cat a.txt"))
 (env LAST 1))
`

const HEX = /[0-9a-f]{64}/g

/** Ids in the order of their first appearance. */
const named = (text: string): string => {
  const ids = new Map<string, string>()
  return text.replaceAll(HEX, (id) => {
    const name = ids.get(id) ?? `ID${ids.size + 1}`
    ids.set(id, name)
    return name
  })
}

const newWorld = () => MemoryWorld.make({ base: MemoryWorld.base({ "etc/motd": "hello\n" }) })
let world = newWorld()

beforeEach(() => {
  world = newWorld()
  writeFiles(directory, { spec: SPEC, "src/a.txt": "from a\n" })
})

const run = (...words: ReadonlyArray<string>) => obuilder({ directory, world }, ...words)
const build = (...words: ReadonlyArray<string>) => run("build", "-f", "spec", "src", ...words)

describe("obuilder build", () => {
  it("prints OBuilder's lines, the same ones at any number of jobs", async () => {
    const { code, stderr, stdout } = await build()
    expect(stderr).toBe("")
    expect(named(stdout)).toMatchSnapshot()
    expect(code).toBe(0)
    world = newWorld()
    expect(await build("--jobs=1")).toEqual({ code, stderr, stdout })
  })

  it("prints the second time what it printed the first time, from the cache", async () => {
    const first = await build()
    const second = await build()
    expect(second.stdout).toBe(first.stdout.replaceAll(/---> saved as (".*")/g, "---> using $1 from cache"))
    expect(world.done("run").length).toBe(2)
  })

  it("prints with -q the id alone on standard output, and the log on standard error", async () => {
    const { stdout: log } = await build()
    const id = /^Got: "(.*)"$/m.exec(log)?.[1]
    world = newWorld()
    const quiet = await build("-q")
    expect(quiet.stdout).toBe(`${id}\n`)
    expect(`${quiet.stderr}Got: "${id}"\n`).toBe(log)
    expect((await build("--verbosity=quiet")).stdout).toBe(`${id}\n`)
  })

  it("colours headings blue and notes yellow on a terminal, and nowhere else", async () => {
    const colored = await obuilder({ directory, world, terminal: true }, "build", "-f", "spec", "src")
    expect(colored.stdout).toContain("\u001b[94m(from base)\u001b[0m\n")
    expect(colored.stdout).toContain('\u001b[33m---> saved as "')
    const plain = [
      await obuilder(
        { directory, world, terminal: true, environment: { NO_COLOR: "1" } },
        "build",
        "-f",
        "spec",
        "src"
      ),
      await obuilder({ directory, world, terminal: true, environment: { TERM: "dumb" } }, "build", "-f", "spec", "src"),
      await obuilder({ directory, world, terminal: true }, "build", "-f", "spec", "src", "--color=never"),
      await build("--color=auto")
    ]
    for (const { stderr, stdout } of plain) expect(stdout + stderr).not.toContain("\u001b")
    expect((await build("--color=always")).stdout).toContain("\u001b[94m")
  })

  it("says which step failed, and ends with 1", async () => {
    writeFiles(directory, { spec: '((from base) (shell sh -c) (run (shell "echo oops; fail 3")))' })
    const { code, stderr, stdout } = await build()
    expect(stdout).toContain("\noops\n")
    expect(stderr).toBe(
      'Build step failed: "sh" "-c" "echo oops; fail 3" failed with exit status 3\n' +
        '  in /: (run (shell "echo oops; fail 3"))\n'
    )
    expect(code).toBe(1)
  })

  it("shows the output of a nested build that failed", async () => {
    writeFiles(directory, {
      spec: `((build a ((from base) (shell sh -c) (run (shell "echo from a; fail"))))
              (build b ((from base) (shell sh -c) (run (shell "echo from b"))))
              (from base))`
    })
    const { code, stderr, stdout } = await build("--jobs=1")
    expect(stdout).toContain("from a\n")
    expect(stderr).toContain('in the build "a", /: (run')
    expect(code).toBe(1)
  })

  it("gives the steps the secrets that they ask for, and refuses to begin without one", async () => {
    writeFiles(directory, {
      spec: '((from base) (shell sh -c) (run (secrets (token (target /t))) (shell "cat /t")))',
      token: "hush\n"
    })
    const without = await build()
    expect(without).toEqual({
      code: 2,
      stdout: "",
      stderr:
        'obuilder: a step asks for the secret "token", which is not given\n' +
        '  in /: (run (secrets (token (target /t))) (shell "cat /t"))\n' +
        "  Write --secret=token:FILE.\n"
    })
    expect((await build("--secret", "token:token")).stdout).toContain("hush\n")
    expect((await build("--secret=token:nope")).stderr).toBe(
      'obuilder: cannot read the secret "token" from "nope": there is no such file or directory\n'
    )
    expect((await build("--secret=token:token", "--secret=token:spec")).code).toBe(2)
  })

  it.each([
    ["a missing spec", ["-f", "nope", "src"], 'cannot read the spec "nope": there is no such file or directory'],
    ["a directory for a spec", ["-f", "src", "src"], 'cannot read the spec "src": it is a directory'],
    ["a missing directory", ["-f", "spec", "nope"], "cannot read the source directory"],
    ["a file for a directory", ["-f", "spec", "spec"], "cannot read the source directory"],
    ["a store of no known kind", ["-f", "spec", "src", "--store=memroy:x"], 'Did you mean "memory:"?'],
    ["a store without a path", ["-f", "spec", "src", "--store=memory"], "has no name"],
    ["a format without --dry-run", ["-f", "spec", "src", "--format=json"], "--format is for --dry-run only"]
  ])("refuses %s with 2", async (_, words, message) => {
    const { code, stderr, stdout } = await run("build", ...words)
    expect(stderr).toContain(message)
    expect(stderr).toMatch(/^obuilder: /)
    expect(stdout).toBe("")
    expect(code).toBe(2)
  })

  it.each([
    ["that cannot be read", "((from base)\n (rnu x))", "spec:2:3: error: "],
    ["with a base that is not there", "((from nope))", "spec:1:2: error: "],
    ["that copies what is not there", "((from base)\n (copy (src nope) (dst /)))", "spec:2:2: error: "],
    ["that cannot be planned", "((from base)\n (run (network bridge) (shell x)))", "spec:2:2: error: "]
  ])("points into a spec %s, and ends with 2", async (_, spec, place) => {
    writeFiles(directory, { spec })
    const { code, stderr, stdout } = await build()
    expect(stderr).toContain(place)
    expect(stdout).toBe("")
    expect(code).toBe(2)
  })

  it("says more with -v, on standard error", async () => {
    const quiet = await build("-j2")
    const verbose = await build("-j2", "-v")
    expect(quiet.stderr).toBe("")
    expect(verbose.stderr).toBe("obuilder: info: 6 steps in 2 stages, at most 2 at a time\n")
    expect((await build("-j2", "--verbosity=info")).stderr).toBe(verbose.stderr)
    expect((await build("-j2", "-v", "--verbosity=error")).stderr).toBe("")
  })

  it("reads the spec from standard input", async () => {
    const words = ["build", "-f", "-", "src"]
    const { code, stdout } = await obuilder({ directory, world, stdin: SPEC }, ...words)
    expect(code).toBe(0)
    world = newWorld()
    expect((await build()).stdout).toBe(stdout)
    const { stderr } = await obuilder({ directory, world, stdin: "((from" }, ...words)
    expect(stderr).toContain("<stdin>:1:2: error: ")
  })

  it("is cut short without a word when the reader of its output leaves", async () => {
    const ended = await obuilder({ directory, world, readerLeavesAfter: 2 }, "build", "-f", "spec", "src", "--jobs=1")
    expect(ended.stderr).toBe("")
    expect(ended.code).toBe(141)
    expect(world.done("run").length).toBeLessThan(2)
  })

  it("ends with 3 where the store is at fault", async () => {
    const broken = Effect.fail(new StoreError({ message: "no store", hint: Option.some("get one"), cause: undefined }))
    const ended = await obuilder({ directory, world, store: broken }, "build", "-f", "spec", "src")
    expect(ended).toEqual({ code: 3, stdout: "", stderr: "obuilder: no store\n  get one\n" })
  })

  it("shows a stack of its own errors only with --verbose", async () => {
    const bug = Effect.suspend(() => Effect.die(new Error("a bug")))
    const wrong = Effect.succeed(
      Store.of(new Proxy({} as Store["Type"], { get: (_, name) => (name === "using" ? bug : () => bug) }))
    )
    const words = ["build", "-f", "spec", "src"]
    const short = await obuilder({ directory, world, store: wrong }, ...words)
    expect(short.code).toBe(70)
    expect(short.stderr).toBe(
      "obuilder: internal error: a bug\n  This is a bug in obuilder: please report it, with what --verbose adds to this.\n"
    )
    const long = await obuilder({ directory, world, store: wrong }, ...words, "--verbose")
    expect(long.stderr).toContain("Error: a bug\n    at ")
  })
})

describe("obuilder build --dry-run", () => {
  it("prints the plan, and runs nothing", async () => {
    const { code, stderr, stdout } = await build("--dry-run")
    expect(named(stdout)).toMatchSnapshot()
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(world.done("run")).toEqual([])
    expect(world.results.size).toBe(0)
  })

  it("says what is cached", async () => {
    await build()
    const before = await build("--dry-run")
    expect(before.stdout).not.toContain("to run")
    writeFiles(directory, { "src/a.txt": "changed\n" })
    const { stdout } = await build("--dry-run")
    expect(stdout.match(/ cached /g)?.length).toBe(3)
    expect(stdout.match(/ to run /g)?.length).toBe(3)
  })

  it("prints JSON: steps with parents before children, and the result", async () => {
    await build()
    const { stdout } = await build("--dry-run", "--format=json")
    const plan = JSON.parse(stdout)
    const seen = new Set([null])
    for (const step of plan.steps) {
      expect(seen).toContain(step.parent)
      expect(step.cached).toBe(true)
      expect(step.realised).toMatch(HEX)
      seen.add(step.id)
    }
    expect(seen).toContain(plan.result)
  })

  it("prints a Mermaid flowchart", async () => {
    expect(named((await build("--dry-run", "--format=mermaid")).stdout)).toMatch(/^flowchart TD\n/)
  })

  it("takes an unreadable store for an empty one, and says so", async () => {
    const broken = Effect.fail(new StoreError({ message: "permission denied", hint: Option.none(), cause: undefined }))
    const words = ["build", "-f", "spec", "src", "--dry-run"]
    const { code, stderr, stdout } = await obuilder({ directory, world, store: broken }, ...words)
    expect(stderr).toBe("obuilder: what is cached is not known: permission denied\n")
    expect(stdout).toBe((await build("--dry-run")).stdout)
    expect(code).toBe(0)
  })
})

describe("obuilder log and export", () => {
  it("print by a result's id, a planned id, or the beginning of one", async () => {
    await build()
    const plan = JSON.parse((await build("--dry-run", "--format=json")).stdout)
    const last = plan.steps.at(-1)
    expect(last.id).not.toBe(last.realised)
    for (const id of [last.id, last.realised, last.id.slice(0, 10), last.realised.slice(0, 10)]) {
      expect(await run("log", id)).toEqual({ code: 0, stdout: "madefrom a\n", stderr: "" })
    }
  })

  it("refuse an id that means nothing with 2", async () => {
    for (const command of ["log", "export"]) {
      expect(await run(command, "abc")).toEqual({
        code: 2,
        stdout: "",
        stderr: 'obuilder: "abc" is too short for an id\n  Write at least 4 digits of it.\n'
      })
    }
  })

  it("export writes a tar, to standard output and to a file alike", async () => {
    const id = (await build("-q")).stdout.trim()
    const { stdout } = await run("export", id, "--format=tar")
    expect(stdout).toContain("etc/motd")
    const written = await run("export", "-o", "out.tar", id)
    expect(written).toEqual({ code: 0, stdout: "", stderr: "" })
    expect(Fs.readFileSync(Path.join(directory, "out.tar")).toString()).toBe(stdout)
  })

  it("export refuses a terminal", async () => {
    const id = (await build("-q")).stdout.trim()
    const { code, stderr, stdout } = await obuilder({ directory, world, terminal: true }, "export", id)
    expect(stderr).toContain("a tar is no text for a terminal")
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
  })

  it("export leaves nothing where it cannot write all of it", async () => {
    const id = (await build("-q")).stdout.trim()
    const names = Fs.readdirSync(directory).toSorted()
    expect((await run("export", id, "-o", "nope/out.tar")).code).toBe(2)
    expect((await run("export", "abc", "-o", "new.tar")).code).toBe(2)
    expect(Fs.readdirSync(directory).toSorted()).toEqual(names)
  })

  it("end quietly when their reader leaves, an export as one that was cut off", async () => {
    const id = (await build("-q")).stdout.trim()
    for (const [command, code] of [
      ["log", 0],
      ["export", 141]
    ] as const) {
      const ended = await obuilder({ directory, world, readerLeavesAfter: 0 }, command, id)
      expect(ended).toEqual({ code, stdout: "", stderr: "" })
    }
  })
})

describe("obuilder", () => {
  it("prints its version", async () => {
    expect(await run("--version")).toEqual({ code: 0, stdout: "1.2.3\n", stderr: "" })
  })

  it("says once, on standard error, what is wrong with the command line", async () => {
    expect(await run("build", "--sotre=x")).toEqual({
      code: 2,
      stdout: "",
      stderr: 'obuilder: there is no option "--sotre"\n  Did you mean "--store"?\n'
    })
  })

  it("gives help without colours, even on a terminal", async () => {
    const { code, stderr, stdout } = await obuilder({ directory, world, terminal: true }, "build", "--help")
    expect(stdout).toContain("Usage: obuilder build --file FILE [OPTION]... DIR\n")
    expect(stdout + stderr).not.toContain("\u001b")
    expect(code).toBe(0)
  })

  it("says in healthcheck what does not work, and ends with 3", async () => {
    const { code, stderr, stdout } = await run("healthcheck")
    expect(stdout).toContain("store: ok\n")
    expect(stderr).toBe("obuilder: this machine cannot build\n")
    expect(code).toBe(3)
  })
})
