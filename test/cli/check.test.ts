/** `obuilder check`, on files. */
import * as Schema from "effect/Schema"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { beforeEach, describe, expect, it } from "vitest"
import { CheckReport } from "../../src/domain/check/CheckReport.ts"
import * as MemoryWorld from "../../src/interpreters/memory/MemoryWorld.ts"
import { obuilder, temporaryDirectory, writeFiles } from "./commandLine.ts"

const directory = temporaryDirectory()
const world = MemoryWorld.make({})

const check = (...words: ReadonlyArray<string>) => obuilder({ directory, world }, "check", ...words)

beforeEach(() => {
  writeFiles(directory, {
    good: '((from scratch)\n (run (shell "make")))\n',
    warned: "((build dev ((from scratch)))\n (from debian:12))\n",
    noted: "((from scratch)\n (workdir src))\n",
    wrong: "((from scratch)\n (rnu (shell make)))\n"
  })
})

describe("obuilder check", () => {
  it("says nothing of a good spec, and ends with 0", async () => {
    expect(await check("good")).toEqual({ code: 0, stdout: "", stderr: "" })
  })

  it("shows warnings where they stand, with what to do, and ends with 1", async () => {
    expect(await check("good", "warned")).toEqual({
      code: 1,
      stdout: [
        "warned:1:2: warning: nothing is copied from the build `dev` [unused-build]",
        "  |",
        "1 | ((build dev ((from scratch)))",
        "  |  ^^^^^^^^^^",
        "  = hint: take it away, or copy from it",
        "warned:2:2: warning: the base `debian:12` is not pinned by a digest [unpinned-base]",
        "  |",
        "2 |  (from debian:12))",
        "  |  ^^^^^^^^^^^^^^^^",
        "  = hint: run `obuilder pin` to name the image that the tag means today",
        ""
      ].join("\n"),
      stderr: "2 warnings\n"
    })
  })

  it("ends with 0 if there are only notes, and with --strict with 1", async () => {
    expect(await check("noted")).toMatchObject({ code: 0, stderr: "1 note\n" })
    expect(await check("--strict", "noted")).toMatchObject({ code: 1 })
  })

  it("ends with 2 if one is no spec, and looks at the others still", async () => {
    const { code, stderr, stdout } = await check("wrong", "noted")
    expect(stdout).toContain("wrong:2:3: error: unknown operation `rnu` [syntax]\n")
    expect(stdout).toContain("= hint: did you mean `run`?\n")
    expect(stdout).toContain("noted:2:2: note: ")
    expect(stderr).toBe("1 error, 1 note\n")
    expect(code).toBe(2)
  })

  it("says on standard error which file cannot be read, and ends with 2", async () => {
    const { code, stderr, stdout } = await check("nope", "noted", "--format=json")
    expect(stderr).toBe('obuilder: cannot read the spec "nope": there is no such file or directory\n')
    expect(JSON.parse(stdout).files).toHaveLength(1)
    expect(code).toBe(2)
  })

  it("leaves rules out with --ignore", async () => {
    expect(await check("warned", "--ignore=unused-build", "--ignore=unpinned-base")).toEqual({
      code: 0,
      stdout: "",
      stderr: ""
    })
    expect(await check("warned", "--ignore=unused-biuld")).toEqual({
      code: 2,
      stdout: "",
      stderr: 'obuilder: there is no rule "unused-biuld"\n  Did you mean "unused-build"?\n'
    })
  })

  it("does not ignore that a text is no spec", async () => {
    expect(await check("--ignore=syntax", "wrong")).toEqual({
      code: 2,
      stdout: "",
      stderr: "obuilder: a text that is no spec cannot be ignored\n"
    })
  })

  it("shows the first hundred findings of a file, and all of them to programs", async () => {
    writeFiles(directory, { many: `((from scratch)\n${"(env A 1)\n".repeat(132)})` })
    const { stderr, stdout } = await check("many")
    expect(stdout.match(/^many:\d+:\d+: warning/gm)).toHaveLength(100)
    expect(stdout).toMatch(/\nmany: and 31 more\n$/)
    expect(stderr).toBe("131 warnings\n")
    const json = JSON.parse((await check("--format=json", "many")).stdout)
    expect(json.files[0].findings).toHaveLength(131)
    const sarif = JSON.parse((await check("--format=sarif", "many")).stdout)
    expect(sarif.runs[0].results).toHaveLength(131)
  })

  it("prints JSON of all files, also of those in which it finds nothing", async () => {
    const { code, stderr, stdout } = await check("--format=json", "good", "warned", "wrong")
    const report = Schema.decodeUnknownSync(CheckReport)(JSON.parse(stdout), { onExcessProperty: "error" })
    expect(report.files.map(({ file, findings }) => [file, findings.length])).toEqual([
      ["good", 0],
      ["warned", 2],
      ["wrong", 1]
    ])
    expect([code, stderr]).toEqual([2, ""])
  })

  it("prints SARIF of what it finds", async () => {
    const { code, stdout } = await check("--format=sarif", "good", "./warned")
    const [{ results }] = JSON.parse(stdout).runs
    expect(results.map(({ ruleId }: { readonly ruleId: string }) => ruleId)).toEqual(["unused-build", "unpinned-base"])
    expect(results[0].locations[0].physicalLocation.artifactLocation).toEqual({ uri: "warned" })
    expect(code).toBe(1)
  })

  it("reads standard input", async () => {
    const { code, stdout } = await obuilder({ directory, world, stdin: "((from debian))" }, "check", "-")
    expect(stdout).toMatch(/^<stdin>:1:2: warning: /)
    expect(code).toBe(1)
  })

  it("changes files with --fix where that is safe, and says what is left", async () => {
    const { code, stderr, stdout } = await check("--fix", "warned", "good")
    expect(Fs.readFileSync(Path.join(directory, "warned"), "utf8")).toBe("((from debian:12))\n")
    expect(stdout).toMatch(/^warned:1:2: warning: the base/)
    expect(stderr).toBe("warned is changed\n1 warning\n")
    expect(code).toBe(1)
    expect((await check("--fix", "-")).stderr).toContain("--fix cannot change standard input")
  })

  it("names files so that nothing in their names acts on a terminal", async () => {
    const name = "a\u009b31m\u202e"
    writeFiles(directory, { [name]: "((build dev ((from scratch)))\n (from scratch))\n" })
    const { stderr } = await check("--fix", name, `${name}-`)
    expect(stderr).toContain("a\\u{9b}31m\\u{202e} is changed\n")
    expect(stderr).not.toMatch(/[\u009b\u202e]/)
  })

  it("colours on a terminal, and nowhere else; nothing of a spec acts on it", async () => {
    writeFiles(directory, { evil: "((from scratch) ; \u001b[2J\n (env \u001b]0;x\u0007TOKEN hush))" })
    const colored = await obuilder({ directory, world, terminal: true }, "check", "warned")
    expect(colored.stdout).toContain("\u001b[1;33mwarning:\u001b[0m")
    const { stdout } = await check("warned", "evil", "wrong", "noted")
    expect(stdout).not.toContain("\u001b")
  })

  it("needs no store", async () => {
    const { code } = await obuilder({ directory, world, environment: { OBUILDER_STORE: "nonsense" } }, "check", "good")
    expect(code).toBe(0)
  })
})
