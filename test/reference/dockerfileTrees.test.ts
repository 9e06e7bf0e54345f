/**
 * Dockerfiles that specs have become, built by a real Docker engine: the trees
 * are those of the specs. The generated files ask for no other frontend than
 * the engine's own, so that they are built as they are, without a network.
 */
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { beforeAll, describe, expect, it } from "vitest"
import * as DockerfileLosses from "../../src/domain/dockerfile/DockerfileLosses.ts"
import * as DockerfileWriter from "../../src/domain/dockerfile/DockerfileWriter.ts"
import type { Op, Spec } from "../../src/domain/Spec.ts"
import * as SpecText from "../../src/domain/SpecText.ts"
import { realEngine } from "../interpreters/docker/engine.ts"
import { scratchDirectory } from "../interpreters/host/scratch.ts"
import { describeWith } from "../requirements.ts"
import { readCases, writeBase, writeContext } from "./buildCases.ts"
import { type Given, rules, settle } from "./dockerfileRules.ts"
import { alike, unlike } from "./dockerfileSpecimens.ts"
import { differences, dockerBuilds, type Outcome, ourBuilds } from "./engineTrees.ts"

const cases = readCases()
const scratch = scratchDirectory("dockerfiles")

const read = (text: string): Spec =>
  Either.getOrThrow(SpecText.parse(text.replaceAll("(from BASE)", "(from base)"), { file: "spec" })).spec

const written = (spec: Spec): string => Either.getOrThrow(DockerfileWriter.write(spec, { buildkit: true }))

/** That fail, and whose Dockerfiles nevertheless are built as they stand. */
const ONLY_HERE = new Set([
  "build-023",
  "build-024",
  "build-028",
  "build-043",
  "build-090",
  "build-092",
  "build-093",
  "build-095"
])

const run = (shell: string): Op => ({ _tag: "Run", cache: [], network: [], secrets: [], shell })

const copy = (src: ReadonlyArray<string>, dst: string): Op => ({
  _tag: "Copy",
  from: { _tag: "Context" },
  src,
  dst,
  exclude: []
})

const SECRET = "a secret"

/** What fails in the same way, as it stands, needs no rule; anything else is built as the rules have it. */
const settled = cases.map((one) => {
  const given: Given = { spec: read(one.spec), context: one.context }
  const alsoFails = one.expect.result === "failed" && !ONLY_HERE.has(one.id)
  return { ...one, alsoFails, ...(alsoFails ? { given, rules: [] } : settle(given)) }
})

describe("the cases, as Dockerfiles", () => {
  it("have rules with reasons, all of which are shown to be needed", () => {
    expect(Object.keys(unlike)).toEqual(rules.map(({ name }) => name))
    for (const { reason } of rules) expect(reason).not.toBe("")
  })

  it("say the same of what the specimens say, as far as the specs alone tell", () => {
    for (const { spec } of Object.values(alike)) {
      expect(DockerfileLosses.find(read(spec), { buildkit: true }).map(({ message }) => message)).toEqual([])
    }
  })

  it("are compared as they stand, or changed by rules, so many times each", () => {
    const names = settled.flatMap(({ alsoFails, expect: expected, rules }) => [
      ...rules,
      ...(expected.result === "unspecified" ? ["OBuilder's own tar fails"] : []),
      ...(alsoFails
        ? ["fails in both, as it stands"]
        : rules.length === 0
          ? ["whole tree, as it stands"]
          : ["whole tree, with rules"])
    ])
    const counts = new Map<string, number>()
    for (const name of names.sort()) counts.set(name, (counts.get(name) ?? 0) + 1)
    expect(settled).toHaveLength(100)
    expect(Object.fromEntries(counts)).toMatchInlineSnapshot(`
      {
        "OBuilder's own tar fails": 11,
        "WORKDIR": 28,
        "blanks": 9,
        "capabilities": 3,
        "directories": 25,
        "directories that are there": 4,
        "exclude": 7,
        "fails in both, as it stands": 30,
        "links": 6,
        "modes": 41,
        "refusals": 8,
        "unused builds": 13,
        "whole tree, as it stands": 7,
        "whole tree, with rules": 63,
      }
    `)
  })
})

describeWith(
  ["root", "docker", "dockerBuild", "busybox", "runc", "overlay", "tar"],
  "a spec and its Dockerfile",
  () => {
    const docker = dockerBuilds(realEngine())
    const ours = ourBuilds(scratch.path)
    const secret = `${scratch.path}/secret`
    let base = ""
    let contexts = 0

    beforeAll(async () => {
      const busybox = execFileSync("sh", ["-c", "command -v busybox"], { encoding: "utf8" }).trim()
      const applets = execFileSync(busybox, ["--list"], { encoding: "utf8" }).trim().split("\n")
      Fs.writeFileSync(secret, SECRET)
      writeBase(`${scratch.path}/base`, busybox, applets)
      base = await docker.addBase("base", `${scratch.path}/base`)
    })

    const both = async ({ context: entries, spec }: Given): Promise<readonly [docker: Outcome, ours: Outcome]> => {
      const context = `${scratch.path}/context-${contexts++}`
      writeContext(context, entries)
      return Promise.all([
        docker.build({ dockerfile: written(spec), context, secrets: { s: secret } }),
        ours.build({ spec, context, bases: { base }, secrets: { s: Buffer.from(SECRET) } })
      ])
    }

    it("may be told which stage to build, with which arguments", async () => {
      const dockerfile = `ARG FROM=nothing
        FROM $FROM AS wanted
        SHELL ["/bin/sh", "-c"]
        ARG SAID=nothing
        RUN echo $SAID > /said
        FROM nothing`
      const context = `${scratch.path}/context-${contexts++}`
      writeContext(context, [])
      const args = { FROM: "base", SAID: "word" }
      const theirs = await docker.build({ dockerfile, context, args, target: "wanted" })
      const spec = read('((from BASE) (shell /bin/sh -c) (run (shell "echo word > /said")))')
      expect(differences(theirs, await ours.build({ spec, context, bases: { base } }))).toEqual([])
      expect(differences(theirs, await ours.build({ spec: read("((from BASE))"), context, bases: { base } }))).toEqual([
        {
          path: "/said",
          docker: "file 0644 0:0 5 bytes 5aacc8534b465aea630b759f2becac7ae3a8c1bfaf271ca0425b8dd44bf99c56",
          ours: "nothing"
        }
      ])
    })

    it.each(Object.entries(alike))("make the same of %s", async (_, { context = [], spec }) => {
      const [theirs, own] = await both({ spec: read(spec), context })
      expect(differences(theirs, own)).toEqual([])
      expect([theirs._tag, own._tag]).toEqual(["Built", "Built"])
    })

    it.each(Object.entries(unlike))(
      "say something else where a rule is needed: %s",
      async (name, { context = [], spec }) => {
        const given = { spec: read(spec), context }
        expect(differences(...(await both(given)))).not.toEqual([])
        const { given: changed, rules } = settle(given)
        expect(rules).toContain(name)
        const [theirs, own] = await both(changed)
        expect(differences(theirs, own)).toEqual([])
        expect([theirs._tag, own._tag]).toEqual(["Built", "Built"])
      }
    )

    it("begin as a base says and as root in /, unless they say how", async () => {
      const changes = ["ENV PATH=/bin", "ENV FROM=base", "USER 5:6", "WORKDIR /tmp"]
      const other = await docker.addBase("other", `${scratch.path}/base`, changes)
      const says = '(run (shell "pwd > /tmp/x; id -u >> /tmp/x; env | grep -e FROM -e PATH | sort >> /tmp/x"))'
      const build = async (beginning: string) => {
        const spec = read(`((from other) ${beginning} (shell /bin/sh -c) ${says})`)
        const context = `${scratch.path}/context-${contexts++}`
        writeContext(context, [])
        const theirs = await docker.build({ dockerfile: written(spec), context })
        return differences(theirs, await ours.build({ spec, context, bases: { other } }))
      }
      expect((await build("")).map(({ path }) => path)).toEqual(["/tmp/x"])
      expect(await build("(user (uid 0) (gid 0)) (workdir /)")).toEqual([])
      expect(await build("(user (uid 5) (gid 6)) (workdir /tmp)")).toEqual([])
    })

    it("make the same of all texts of which no loss is known", async () => {
      const printable = "aB0 !%&()*+,-./:;<=>?@[]^_{|}~#$\\\"'`\té日"
      const text = (minLength: number) =>
        FastCheck.string({ unit: FastCheck.constantFrom(...printable), minLength, maxLength: 8 })
      const lossless = (op: Op): boolean => DockerfileLosses.find({ builds: [], from: "base", ops: [op] }).length === 0
      const env = text(0)
        .map((value): Op => ({ _tag: "Env", name: "X", value }))
        .filter(lossless)
      const workdir = text(1)
        .map((name): Op => ({ _tag: "Workdir", path: `/w/${name}/x` }))
        .filter(lossless)
      const name = text(1).filter((name) => !/^[.]{1,2}$|\//.test(name) && lossless(copy([name], `/c/${name}`)))
      await FastCheck.assert(
        FastCheck.asyncProperty(
          FastCheck.array(env, { minLength: 12, maxLength: 12 }),
          FastCheck.array(workdir, { minLength: 4, maxLength: 4 }),
          FastCheck.uniqueArray(name, { minLength: 8, maxLength: 8 }),
          async (variables, workdirs, names) => {
            const ops: ReadonlyArray<Op> = [
              { _tag: "Shell", args: ["/bin/sh", "-c"] },
              ...variables.map((op, index) => (op._tag === "Env" ? { ...op, name: `V${index}` } : op)),
              ...workdirs.flatMap((op) => [op, run("pwd >> /pwd")]),
              run("env | sort | grep ^V > /env"),
              copy(names, "/c/"),
              ...names.map((name) => copy([name], `/d/${name}`))
            ]
            const context = names.map((path) => ({ path, type: "file", mode: "0644", content: "" }) as const)
            const [theirs, own] = await both({ spec: { builds: [], from: "base", ops }, context })
            expect(differences(theirs, own)).toEqual([])
            expect(theirs._tag).toBe("Built")
          }
        ),
        { numRuns: 3 }
      )
    })

    it.each([...ONLY_HERE])("are built only by Docker as they stand: %s", async (id) => {
      const one = cases.find((one) => one.id === id)
      const [theirs, own] = await both({ spec: read(one?.spec ?? ""), context: one?.context ?? [] })
      expect([theirs._tag, own._tag]).toEqual(["Built", "Failed"])
    })

    it.each(settled.map((one) => [one.id, one.rules.join(", "), one] as const))(
      "agree on %s (%s)",
      async (_, __, one) => {
        const [theirs, own] = await both(one.given)
        expect(differences(theirs, own)).toEqual([])
        if (one.alsoFails) expect(theirs._tag).toBe("Failed")
        else if (one.expect.result !== "unspecified") expect(theirs._tag).toBe("Built")
      }
    )
  }
)
