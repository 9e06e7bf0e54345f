/** The commands that look at a store and make room in it, on a world in memory. */
import * as Effect from "effect/Effect"
import { beforeEach, describe, expect, it } from "vitest"
import * as MemorySession from "../../src/interpreters/memory/MemorySession.ts"
import * as MemoryStore from "../../src/interpreters/memory/MemoryStore.ts"
import * as MemoryWorld from "../../src/interpreters/memory/MemoryWorld.ts"
import type { StepId } from "../../src/domain/Digest.ts"
import { obuilder, temporaryDirectory, writeFiles } from "./commandLine.ts"

const directory = temporaryDirectory()
let world = MemoryWorld.make()
/** The results in the order in which they were made. */
let ids: ReadonlyArray<StepId> = []

const run = (...words: ReadonlyArray<string>) => obuilder({ directory, world }, ...words)
const lines = (text: string): ReadonlyArray<string> => text.split("\n").slice(0, -1)

const SPEC = `((from base) (shell sh -c) (run (shell "write /a one")) (run (cache (c1 (target /c))) (shell "write /b three; echo log")))\n`
const OTHER = `((from base) (shell sh -c) (run (shell "write /z 12345")))\n`

beforeEach(async () => {
  world = MemoryWorld.make({ base: MemoryWorld.base({ "etc/motd": "hello\n" }) })
  writeFiles(directory, { spec: SPEC, other: OTHER, "src/f": "" })
  for (const spec of ["spec", "other"]) expect(await run("build", "-q", "-f", spec, "src")).toMatchObject({ code: 0 })
  ids = [...world.results.keys()]
  expect(ids).toHaveLength(4)
})

const [BASE, ONE, TWO, Z] = [0, 1, 2, 3]
const short = (index: number): string => (ids[index] ?? "").slice(0, 12)
const kept = (): ReadonlyArray<number> => ids.flatMap((id, index) => (world.results.has(id) ? [index] : []))

/** Something that another process holds. */
const holding = <A>(index: number, use: () => Promise<A>): Promise<A> =>
  Effect.gen(function* () {
    const store = MemoryStore.make(yield* MemorySession.open(world))
    const id = ids[index]
    if (id !== undefined) yield* store.hold(id)
    return yield* Effect.promise(use)
  }).pipe(Effect.scoped, Effect.runPromise)

describe("obuilder ls", () => {
  it("lists all results, those used last first", async () => {
    const { code, stderr, stdout } = await run("ls")
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    const [head, ...rows] = lines(stdout)
    expect(head).toMatch(/^ID +PARENT +LAST USED +STEP$/)
    expect(rows.map((row) => row.split(/ {2,}/)[0])).toEqual([short(Z), short(BASE), short(TWO), short(ONE)])
    expect(rows[0]).toContain(`${short(Z)}  ${short(BASE)}`)
    expect(rows[0]).toContain('/: (run (shell "write /z 12345"))')
  })

  it("gives ids alone, or JSON", async () => {
    expect(lines((await run("ls", "-q")).stdout).toSorted()).toEqual([...ids].sort())
    const parsed = JSON.parse((await run("ls", "--format=json")).stdout) as ReadonlyArray<Record<string, unknown>>
    expect(parsed.find(({ id }) => id === ids[TWO])).toMatchObject({
      parent: ids[ONE],
      logSize: 4,
      inUse: false,
      created: expect.stringMatching(/^\d{4}-\d\d-\d\dT/)
    })
  })

  it("says what is in use", async () => {
    const { stdout } = await holding(ONE, () => run("ls"))
    const busy = lines(stdout).filter((line) => line.includes("in use"))
    expect(busy.map((line) => line.slice(0, 12)).sort()).toEqual([short(BASE), short(ONE)].sort())
  })
})

describe("obuilder inspect", () => {
  it("shows what a result is, what it is built on and who uses it", async () => {
    const { code, stdout } = await run("inspect", short(ONE))
    expect(code).toBe(0)
    expect(stdout).toContain(`id         ${ids[ONE]}\n`)
    expect(stdout).toContain(`step       /: (run (shell "write /a one"))\n`)
    expect(stdout).toContain(`parent     ${ids[BASE]}  (from base)\n`)
    expect(stdout).toContain("built on   1 result\n")
    expect(stdout).toContain(`children   ${ids[TWO]}`)
    expect(stdout).toContain("in use     no\n")
    expect(stdout).toContain("size       3 B of its own, 0 B shared with others\n")
    expect(stdout).toContain("log        empty\n")
    expect((await run("inspect", short(TWO))).stdout).toContain(`log        4 B: obuilder log ${short(TWO)}\n`)
  })

  it("gives the same as JSON", async () => {
    const { stdout } = await run("inspect", "--format=json", short(BASE))
    expect(JSON.parse(stdout)).toMatchObject({
      id: ids[BASE],
      parent: null,
      depth: 0,
      descendants: 3,
      children: expect.arrayContaining([{ id: ids[Z], heading: '/: (run (shell "write /z 12345"))' }]),
      inUse: false,
      unique: 6
    })
  })

  it("says so where there is none", async () => {
    expect(await run("inspect", "ffffffff")).toEqual({
      code: 2,
      stdout: "",
      stderr: 'obuilder: the store has no result "ffffffff"\n'
    })
  })
})

describe("obuilder df", () => {
  it("shows what results, caches and logs take", async () => {
    const { code, stdout } = await run("df")
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ +COUNT +UNIQUE +SHARED +LAST USED$/m)
    expect(stdout).toMatch(/^results +4 +19 B +0 B +/m)
    expect(stdout).toMatch(/^caches +1 +0 B +0 B +/m)
    expect(stdout).toMatch(/^logs +1 +4 B +0 B +/m)
    expect(stdout).toContain("takes about 19 B")
  })

  it("gives all of it as JSON", async () => {
    const report: unknown = JSON.parse((await run("df", "--format=json")).stdout)
    expect(report).toMatchObject({
      total: 19,
      results: { count: 4, unique: 19, shared: 0 },
      caches: { count: 1 },
      logs: { count: 1, unique: 4 },
      items: { caches: [{ name: "c1", unique: 0, shared: 0 }] }
    })
    expect(report).toHaveProperty("items.results.length", 4)
  })

  it("shows how far it is on a terminal", async () => {
    const { stderr } = await obuilder({ directory, world, terminal: true }, "df")
    expect(stderr).toContain("\r\u001B[K")
  })
})

describe("obuilder delete", () => {
  it("deletes a result with all that is built on it", async () => {
    const { code, stderr, stdout } = await run("delete", short(ONE))
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(lines(stdout)).toEqual([
      `deleted ${short(TWO)}        5 B  /: (run (cache (c1 (target /c))) (shell "write /b three; echo log"))`,
      `deleted ${short(ONE)}        3 B  /: (run (shell "write /a one"))`,
      "2 results deleted, 8 B freed"
    ])
    expect(kept()).toEqual([BASE, Z])
  })

  it("takes several ids, and prints ids alone with -q", async () => {
    const { stdout } = await run("delete", "-q", short(TWO), short(Z))
    expect(lines(stdout).toSorted()).toEqual([ids[TWO], ids[Z]].sort())
    expect(kept()).toEqual([BASE, ONE])
  })

  it("deletes nothing of what is in use", async () => {
    const { code, stderr, stdout } = await holding(TWO, () => run("delete", short(ONE)))
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
    expect(stderr).toContain(`nothing is deleted: ${short(TWO)} is in use`)
    expect(kept()).toEqual([BASE, ONE, TWO, Z])
  })

  it("deletes nothing where one of several is not there", async () => {
    const { code } = await run("delete", short(TWO), "ffffffff")
    expect(code).toBe(2)
    expect(kept()).toHaveLength(4)
  })

  it("wants an id", async () => {
    expect(await run("delete")).toMatchObject({ code: 2, stderr: expect.stringContaining("ID is missing") })
  })
})

describe("obuilder prune", () => {
  it("deletes those used longest ago first", async () => {
    const { code, stdout } = await run("prune", "--max-items=1")
    expect(code).toBe(0)
    expect(lines(stdout).at(-1)).toBe("1 result deleted, 5 B freed")
    expect(kept()).toEqual([BASE, ONE, Z])
  })

  it("keeps as much as it is told to", async () => {
    expect((await run("prune", "--keep-storage=11")).code).toBe(0)
    expect(kept()).toEqual([BASE, Z])
    expect((await run("prune", "--keep-storage=0")).code).toBe(0)
    expect(kept()).toEqual([])
  })

  it("spares what was of use lately", async () => {
    // The world's clock is at the beginning of 1970.
    expect((await run("prune", "--older-than=52000w")).stdout).toBe("0 results deleted, 0 B freed\n")
    expect((await run("prune", "--older-than=1d12h")).stdout).toContain("4 results deleted")
  })

  it("only says what it would do in a dry run", async () => {
    const { stdout } = await run("prune", "--keep-storage=11", "--dry-run")
    expect(lines(stdout).at(-1)).toBe("2 results would be deleted, 8 B freed")
    expect(lines(stdout)[0]).toMatch(/^would delete [0-9a-f]{12} /)
    expect(kept()).toHaveLength(4)
  })

  it("spares what is in use, and says so", async () => {
    const { code, stderr, stdout } = await holding(TWO, () => run("prune", "--keep-storage=0"))
    expect(code).toBe(0)
    expect(lines(stdout).at(-1)).toBe("1 result deleted, 5 B freed")
    expect(stderr).toBe("obuilder: 3 results are in use, or built on by what is, and stay\n")
    expect(kept()).toEqual([BASE, ONE, TWO])
  })

  it.each([
    [["prune"], "prune is not told what to keep"],
    [["prune", "--keep-storage=1X"], '--keep-storage must be a size such as 512M or 2G, not "1X"'],
    [["prune", "--older-than=yesterday"], '--older-than must be a time such as 12h, 7d or 1d12h, not "yesterday"'],
    [["prune", "--older-than=1d2"], '--older-than must be a time such as 12h, 7d or 1d12h, not "1d2"'],
    [["prune", "--max-items=0"], '--max-items must be a whole number from 1 on, not "0"'],
    [["prune", "--max-items=1", "x"], 'unexpected argument "x"']
  ])("refuses %j", async (words, message) => {
    expect(await run(...words)).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining(message) })
    expect(kept()).toHaveLength(4)
  })
})

describe("obuilder clean", () => {
  it("deletes all results and caches, right after a build", async () => {
    const { code, stdout } = await run("clean")
    expect(code).toBe(0)
    expect(lines(stdout).at(-1)).toBe("4 results and 1 cache deleted, 19 B freed")
    expect(kept()).toEqual([])
    expect(world.caches.size).toBe(0)
    expect(await run("ls", "-q")).toEqual({ code: 0, stdout: "", stderr: "" })
  })

  it("spares what is in use", async () => {
    await holding(Z, () => run("clean"))
    expect(kept()).toEqual([BASE, Z])
  })
})

describe("obuilder cache", () => {
  it("lists and removes caches", async () => {
    expect(lines((await run("cache", "ls")).stdout)[1]).toMatch(/^ *0 B .* c1$/)
    expect((await run("cache", "ls", "-q")).stdout).toBe("c1\n")
    expect(JSON.parse((await run("cache", "ls", "--format=json")).stdout)).toMatchObject([{ name: "c1", unique: 0 }])
    expect(await run("cache", "rm", "c1")).toEqual({ code: 0, stdout: "c1\n", stderr: "" })
    expect((await run("cache", "ls", "-q")).stdout).toBe("")
  })

  it.each([
    [["cache"], "the argument ACTION is missing"],
    [["cache", "list"], 'a cache cannot be told to "list"'],
    [["cache", "rm"], "no cache is named"],
    [["cache", "rm", "c2"], 'there is no cache "c2"'],
    [["cache", "rm", "c1", "c2"], 'there is no cache "c2"'],
    [["cache", "ls", "c1"], '"obuilder cache ls" takes no names']
  ])("refuses %j", async (words, message) => {
    expect(await run(...words)).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining(message) })
    expect(world.caches.size).toBe(1)
  })
})

describe("obuilder fsck", () => {
  it("finds nothing wrong where nothing is", async () => {
    const { code, stdout } = await run("fsck")
    expect(code).toBe(0)
    expect(stdout).toContain("checked 4 results and 1 cache: all is well\n")
  })

  it("says what is wrong, and deletes it and what is built on it when told to", async () => {
    for (const id of ids.slice(ONE, TWO)) world.results.delete(id)
    const found = await run("fsck")
    expect(found.code).toBe(3)
    expect(found.stdout).toContain(`${ids[TWO]}: what it is built on is damaged, or not there\n`)
    expect(found.stdout).toContain("1 fault\n")
    expect(found.stderr).toContain("is damaged\n  obuilder fsck --repair deletes")
    const repaired = await run("fsck", "--repair")
    expect(repaired.code).toBe(0)
    expect(repaired.stdout).toContain("1 result deleted\n")
    expect(kept()).toEqual([BASE, Z])
    expect((await run("fsck")).code).toBe(0)
  })
})

describe("obuilder build --free-space", () => {
  it("deletes what was used longest ago before a step that would leave less", async () => {
    world.capacity = 30
    writeFiles(directory, { new: `((from base) (shell sh -c) (run (shell "write /y 12")))\n` })
    expect(await run("build", "-f", "new", "--free-space=16", "src")).toMatchObject({ code: 0, stderr: "" })
    expect(kept()).toEqual([BASE, ONE, Z])
  })

  it("builds on where nothing more can go, and says so", async () => {
    world.capacity = 30
    writeFiles(directory, { new: `((from base) (shell sh -c) (run (shell "write /y 12")))\n` })
    const { code, stderr } = await run("build", "-f", "new", "--free-space=1G", "src")
    expect(code).toBe(0)
    expect(stderr).toBe(
      "obuilder: warn: less is free in the store memory than asked for, and deleting results would not be enough\n"
    )
    expect(kept()).toEqual([BASE, ONE, TWO, Z])
  })
})
