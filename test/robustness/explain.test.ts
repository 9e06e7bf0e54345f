/** Why steps run again, and what is other between results, on real stores. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { describeWith } from "../requirements.ts"
import { makeBase } from "./busybox.ts"
import { Program } from "./program.ts"
import { placeFor, storeKinds } from "./stores.ts"

const program = new Program("explain")
const at = (name: string): string => program.path(name)

const page = Fs.readFileSync("docs/explain.md", "utf8")
const blocks = (language: string): ReadonlyArray<string> =>
  [...page.matchAll(/```(\w+)\n([\s\S]*?)```/g)].flatMap(([, name, text = ""]) => (name === language ? [text] : []))

/** Ids and times as the page has them. */
const general = (text: string): string =>
  text.replaceAll(/\b[0-9a-f]{64}\b/g, "ID").replaceAll(/since [0-9a-f]{12} of \S+Z/g, "since ID of TIME")

const makeSource = (path: string, count: number): void => {
  for (let n = 0; n < count; n++) {
    const directory = `${path}/d${n % 100}/sub`
    if (n < 100) Fs.mkdirSync(directory, { recursive: true })
    Fs.writeFileSync(`${directory}/f${n}`, `${n}\n`)
  }
}

/** Runs a command to its end, which has to be this one. */
const run = async (status: number, ...words: ReadonlyArray<string>): Promise<string> => {
  const ended = await program.run(words)
  expect({ status: ended.status, stderr: ended.stderr }).toEqual({ status, stderr: "" })
  return ended.stdout
}

const missed = (log: string): ReadonlyArray<string> =>
  [...log.matchAll(/---> not cached: (.*)/g)].map(([, reason = ""]) => reason)

const FOLLOWS = "what it is built on changed"

describeWith(["root", "runc", "overlay", "busybox"], "what docs/explain.md shows", () => {
  it("is what is printed", async () => {
    const store = `--store=overlayfs:${at("documented")}`
    makeBase(at("documented-base"))
    const [spec = ""] = blocks("scheme")
    const old = program.write("old.spec", spec.replace("debian:12", `rootfs:${at("documented-base")}`))
    const app = program.write("app.spec", Fs.readFileSync(old, "utf8").replace("MODE fast", "MODE slow"))
    for (const [name, text] of Object.entries({
      config: "x",
      "src/a.txt": "a\n",
      "src/b.txt": "b\n",
      "src/c.txt": ""
    })) {
      program.write(`app/${name}`, text)
    }
    const [build, explain, trees, plans] = blocks("text")
    const before = await program.builds([store, "-f", old, at("app")])
    program.write("app/src/b.txt", "other\n")
    expect(general(await run(0, "explain", store, "-f", app, at("app")))).toBe(explain)
    expect(general(await run(0, "build", store, "-f", old, at("app")))).toContain(build)
    const after = await program.builds([store, "-f", app, at("app")])
    expect(await run(1, "diff", store, before, after)).toBe(trees)
    expect(await run(1, "diff", store, `--dir=${at("app")}`, old, app)).toBe(plans)
  })
})

/** Builds of a source directory with so many files, in a store of their own. */
const subject = (name: string, files: number) => {
  const [store, source, spec] = [`--store=overlayfs:${at(`${name}-store`)}`, at(`${name}-source`), `${name}.spec`]
  const write = (command: string, file = spec): string =>
    program.write(
      file,
      `((build dev ((from rootfs:${at(name)}) (shell /bin/sh -c) (copy (src .) (dst /src/))
          (run (shell "cat /src/d1/sub/* > /out; echo kept > /other"))))
        (from rootfs:${at(name)}) (shell /bin/sh -c)
        (copy (from (build dev)) (src /out /other) (dst /got/))
        (run (shell "${command}")))`
    )
  return {
    store,
    write,
    prepare: () => {
      makeBase(at(name))
      makeSource(source, files)
      write("cat /got/other")
    },
    build: (file = at(spec)) => run(0, "build", store, "-f", file, source),
    explain: async (...words: ReadonlyArray<string>) =>
      general(await run(0, "explain", store, "-f", at(spec), source, ...words))
  }
}

const resultOf = (log: string): string => /Got: "(.*)"/.exec(log)?.[1] ?? ""

describeWith(["root", "runc", "overlay", "busybox"], "on overlayfs, one file that changed among 10,000", () => {
  const { build, explain, prepare, write } = subject("many", 10_000)

  // By another process: so many files take long where the disk is busy.
  afterAll(() => once(spawn("rm", ["-rf", at("many-source"), at("many-store")]), "exit"), 120_000)

  it("is named by explain and by build, and what came of it in a nested build", async () => {
    prepare()
    const first = await build()
    expect(missed(first)).toEqual([])
    expect(await explain()).toBe("Nothing is to run: 3 steps are cached.\n")
    program.write("many-source/d1/sub/f4201", "changed\n")
    const file = "            d1/sub/f4201: other content, 8 bytes, was 5\n"
    expect(await explain()).toContain(`  to run  /: (copy (src .) (dst /src/))
          1 of 10,000 files changed:
${file}          since ID of TIME
`)
    expect(missed(await build())).toEqual([
      "1 of 10,000 files changed: d1/sub/f4201 (content)",
      FOLLOWS,
      "1 of 2 files from the build dev changed: out (content)",
      FOLLOWS
    ])
    expect(missed(await build())).toEqual([])
    const against = await explain(`--against=${resultOf(first).slice(0, 16)}`)
    expect(against).toContain(file)
    expect(against).toContain("            out: other content, ")
    const other = write("cat /got/out", "other.spec")
    expect(await explain(`--against=${other}`)).toContain(
      "          the command changed:\n            - cat /got/out\n            + cat /got/other\n"
    )
  }, 120_000)
})

describeWith(["root", "runc", "overlay", "busybox"], "on overlayfs, of a step that is not cached", () => {
  const { build, explain, prepare, store, write } = subject("few", 200)

  beforeAll(async () => {
    prepare()
    await build()
  })

  it("it is said that its result has been deleted, and of what is built on it nothing", async () => {
    const id = resultOf(await build())
    const { parent } = JSON.parse(await run(0, "inspect", store, "--format=json", id))
    await run(0, "delete", store, id)
    expect(await explain()).toContain("          its result has been deleted\n")
    expect(missed(await build())).toEqual(["its result has been deleted"])
    await run(0, "delete", store, parent.id)
    expect(missed(await build())).toEqual(["its result has been deleted"])
  })

  it("a base that was changed is named", async () => {
    program.write("few/etc/issue", "new\n")
    const [one, ...others] = missed(await build())
    expect(one).toMatch(/^the base \S*\/few is another one: [0-9a-f]{12}, was [0-9a-f]{12}$/)
    expect(others).toContain(FOLLOWS)
  })

  it("explain finds what it was before also where the store has not kept track of it", async () => {
    // As an older version would have left it.
    for (const name of Fs.readdirSync(at("few-store/results"))) {
      Fs.rmSync(at(`few-store/results/${name}/children`), { force: true })
    }
    Fs.rmSync(at("few-store/bases"))
    write("cat /got/other /got/out")
    expect(await explain()).toContain("            - cat /got/other\n            + cat /got/other /got/out\n")
    expect(missed(await build())).toEqual([])
  })

  it("all is known of two builds at the same time, and the store is whole afterwards", async () => {
    const specs = ["1", "2"].map((name) => write(`echo ${name} other words`, `${name}.spec`))
    await Promise.all(specs.map((file) => build(file)))
    expect(missed(await build(write("echo 3 other words", "3.spec")))).toHaveLength(1)
    expect((await program.run(["fsck", store])).status).toBe(0)
  })
})

describe("two results are compared alike", () => {
  for (const kind of storeKinds.filter(({ name }) => ["overlayfs", "rsync"].includes(name))) {
    describeWith(["root", "runc", "busybox", ...kind.needs], `on ${kind.name}`, () => {
      const place = placeFor(kind, at(`trees-${kind.name}`))

      it("with types, modes, owners, contents, targets, and nothing that is the same", async () => {
        const words = kind.words(`${place.path}/store`)
        if (!Fs.existsSync(at("trees-base"))) makeBase(at("trees-base"))
        Fs.mkdirSync(at("nothing"), { recursive: true })
        const made = (name: string, command: string) =>
          program.builds([
            ...words,
            "-f",
            program.write(
              `${name}.spec`,
              `((from rootfs:${at("trees-base")}) (shell /bin/sh -c) (run (shell "${command}")))`
            ),
            at("nothing")
          ])
        const one = await made(
          "one",
          "cd /tmp; echo 1 > a; echo same > same; busybox ln same hard; ln -s a l; mkdir -p d/e; echo x > d/e/f; touch t m o"
        )
        const other = await made(
          "other",
          "cd /tmp; echo 22 > a; echo same > same; echo same > hard; ln -s b l; mkdir t; touch m o n; busybox chmod 751 m; busybox chown 5:6 o"
        )
        const [store = ""] = words
        expect(await run(1, "diff", store, one, other)).toBe(`changed  /tmp/a: other content, 3 bytes, was 2
gone     /tmp/d: a directory with 2 entries
changed  /tmp/l: a link to b, was to a
changed  /tmp/m: mode 0751, was 0644
new      /tmp/n: a file of 0 bytes
changed  /tmp/o: owner 5:6, was 0:0
changed  /tmp/t: a directory, was a file
`)
        expect(await run(0, "diff", store, one, one)).toBe("")
        expect(await run(1, "diff", store, "--format=json", other, one)).toContain('"path": "/tmp/a"')
      })
    })
  }
})
