/** `obuilder diff`, on a world in memory. */
import { beforeEach, describe, expect, it } from "vitest"
import * as MemoryWorld from "../../src/interpreters/memory/MemoryWorld.ts"
import { obuilder, temporaryDirectory, writeFiles } from "./commandLine.ts"

const directory = temporaryDirectory()

const SPEC = `((from base) (shell sh -c)
 (copy (src a.txt) (dst /a.txt))
 (run (shell "write /etc/motd hello"))
 (run (shell "write /made/x xy")))
`

let world = MemoryWorld.make({})

beforeEach(() => {
  world = MemoryWorld.make({ base: MemoryWorld.base({ "etc/motd": "hi\n", "etc/gone/a": "", "etc/gone/b": "" }) })
  writeFiles(directory, { "one.spec": SPEC, "src/a.txt": "from a\n" })
})

const run = (...words: ReadonlyArray<string>) => obuilder({ directory, world }, ...words)

const built = async (spec: string, ...words: ReadonlyArray<string>): Promise<string> => {
  writeFiles(directory, { "built.spec": spec })
  const { code, stderr, stdout } = await run("build", "--verbosity=quiet", "-f", "built.spec", "src", ...words)
  expect(code, stderr).toBe(0)
  return stdout.trim()
}

const SAME = { code: 0, stdout: "", stderr: "" }

describe("obuilder diff of two results", () => {
  it("is nothing, and ends well, where they are one or have the same files", async () => {
    const one = await built(SPEC)
    const other = await built(SPEC.replace('"write /made/x xy"', '"write /made/x x; append /made/x y"'))
    expect(await run("diff", one, one.slice(0, 12))).toEqual(SAME)
    expect((await run("diff", one, other)).stdout).toBe("")
    expect((await run("diff", "--format=json", one, one)).code).toBe(0)
  })

  it("names what is new, gone or other in their files, and ends with status 1", async () => {
    const one = await built(SPEC)
    const other = await built(
      SPEC.replace("write /etc/motd hello", "write /etc/motd goodbye; remove /etc/gone")
        .replace("(dst /a.txt)", "(dst /b.txt)")
        .replace("/made/x xy", "/new/dir/x y")
    )
    const { code, stderr, stdout } = await run("diff", one, other)
    expect(stdout).toBe(`gone     /a.txt: a file of 7 bytes
new      /b.txt: a file of 7 bytes
gone     /etc/gone: a directory with 2 entries
changed  /etc/motd: other content, 7 bytes, was 5
gone     /made: a directory with 1 entry
new      /new: a directory with 2 entries
`)
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" })
  })

  it("names owners", async () => {
    const one = await built(SPEC)
    const other = await built(
      SPEC.replace("(copy", "(user (uid 7) (gid 8)) (copy").replace(
        '(run (shell "write /etc',
        '(user (uid 0) (gid 0)) (run (shell "write /etc'
      )
    )
    expect((await run("diff", one, other)).stdout).toBe(
      "changed  /a.txt: owner 7:8, was 0:0\nsettings it is to be run by 0:0, was by the base's user\n"
    )
  })

  it("names how they are to be run", async () => {
    const one = await built(SPEC)
    const other = await built(`${SPEC.trimEnd().slice(0, -1)} (env LAST 1) (workdir /w) (run (shell "echo")))`)
    expect((await run("diff", one, other)).stdout).toBe(
      "new      /w: a directory with 0 entries\nsettings the variable LAST is new: 1\nsettings it is to be run in /w, was in the base's directory\n"
    )
  })

  it("says nothing of how they are to be run where the note of that is damaged", async () => {
    const one = await built(SPEC)
    const other = await built(`${SPEC.trimEnd().slice(0, -1)} (env LAST 1) (run (shell "echo")))`)
    expect((await run("diff", one, other)).stdout).toBe("settings the variable LAST is new: 1\n")
    for (const { notes } of world.results.values()) notes.set("settings", '{"version":1,"settings":{"user":null}}')
    expect(await run("diff", one, other)).toEqual(SAME)
  })

  it("prints JSON", async () => {
    const one = await built(SPEC)
    const other = await built(SPEC.replace("hello", "hello!"))
    const { code, stdout } = await run("diff", "--format=json", one, other)
    expect(JSON.parse(stdout)).toEqual({
      before: one,
      after: other,
      files: [{ _tag: "Changed", path: "/etc/motd", aspects: [{ _tag: "Content", before: 5, after: 6 }] }],
      settings: []
    })
    expect(code).toBe(1)
  })
})

describe("obuilder diff of two plans", () => {
  it("is nothing where they have the same steps, in whatever form they are given", async () => {
    const { stdout } = await run("build", "-f", "one.spec", "src", "--dry-run", "--format=json")
    writeFiles(directory, { "one.json": stdout, "other.spec": SPEC.replace("(from", "; a comment\n (from") })
    expect(await run("diff", "--dir=src", "one.spec", "other.spec")).toEqual(SAME)
    expect(await run("diff", "--dir=src", "one.json", "other.spec")).toEqual(SAME)
    expect(await run("diff", "one.json", "one.json")).toEqual(SAME)
  })

  it("names what is new, gone or other, and no more", async () => {
    writeFiles(directory, {
      "other.spec": `((build dev ((from base) (run (shell "true")))) (from base) (shell sh -c)
        (copy (src a.txt) (dst /b.txt))
        (run (shell "install all that is needed"))
        (run (shell "write /made/x xy")) (env LAST 1))`
    })
    const { code, stderr, stdout } = await run("diff", "--dir=src", "one.spec", "other.spec")
    expect(stdout).toBe(`build dev: new
  new      (from base)
  new      /: (run (shell true))
main:
  2 steps are the same
  changed  /: (copy (src a.txt) (dst /b.txt))
           the destination is /b.txt, was /a.txt
  gone     /: (run (shell "write /etc/motd hello"))
  new      /: (run (shell "install all that is needed"))
  the variable LAST is new: 1
`)
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" })
    const back = await run("diff", "--dir=src", "other.spec", "one.spec")
    expect(back.stdout).toContain("build dev: gone\n")
    const { stages } = JSON.parse((await run("diff", "--dir=src", "--format=json", "one.spec", "other.spec")).stdout)
    expect(stages[1]).toMatchObject({ label: "", status: "changed", same: 2 })
  })

  it("names the files that changed, where the plans are made here, and that some did, where not", async () => {
    const plan = async (name: string) => {
      const { stdout } = await run("build", "-f", "one.spec", "src", "--dry-run", "--format=json")
      writeFiles(directory, { [name]: stdout })
    }
    await plan("before.json")
    writeFiles(directory, { "src/a.txt": "from b\n" })
    await plan("after.json")
    expect((await run("diff", "before.json", "after.json")).stdout).toBe(`main:
  3 steps are the same
  changed  /: (copy (src a.txt) (dst /a.txt))
           the files to copy changed; which ones was not recorded
`)
  })

  it.each([
    ["not.json", "{", 'obuilder: "not.json" is no plan: it is not JSON'],
    ["other.json", "{}", 'obuilder: "other.json" is no plan: it has no "version" 1'],
    ["version.json", '{"version":1,"stages":[],"steps":[{"kind":"__proto__"}]}', "number 1 of its"],
    [
      "lost.json",
      `{"version":1,"stages":[],"steps":[{"kind":"base","id":"${"0".repeat(64)}","stage":"x","preamble":[],"heading":"","parent":null,"reference":"","format":"oci","digest":"${"0".repeat(64)}","platform":"","environment":[]}]}`,
      'number 1 of its "steps" is of none of its "stages"'
    ],
    ["deep.json", `{"version":1,"stages":${"[".repeat(100_000)}`, "is no plan"],
    ["wrong.spec", "(", "wrong.spec"]
  ])("says what is wrong with %s", async (name, content, message) => {
    writeFiles(directory, { [name]: content })
    const { code, stderr, stdout } = await run("diff", "--dir=src", "one.spec", name)
    expect(stderr).toContain(message)
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
  })

  it("is refused where one of them is a result, or there is none of the name", async () => {
    const id = await built(SPEC)
    const mixed = await run("diff", id, "one.spec")
    expect(mixed.stderr).toContain("explain --against")
    expect(mixed.code).toBe(2)
    expect((await run("diff", "one.spec", "missing.spec")).code).toBe(2)
    expect((await run("diff", id, "abcdef12")).code).toBe(2)
    expect((await run("diff", "--times", "one.spec", "one.spec")).code).toBe(2)
  })
})
