/** The commands that make images of results, on a world in memory. */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { beforeEach, describe, expect, it } from "vitest"
import * as MemoryWorld from "../../src/interpreters/memory/MemoryWorld.ts"
import { obuilder, temporaryDirectory, writeFiles } from "./commandLine.ts"

const directory = temporaryDirectory()
const SPEC = `((from base) (shell sh -c) (run (shell "write /out made")) (env LAST 1))\n`
let world = MemoryWorld.make({})
let id = ""

const run = (...words: ReadonlyArray<string>) => obuilder({ directory, world }, ...words)

beforeEach(async () => {
  world = MemoryWorld.make({ base: MemoryWorld.base({ "etc/motd": "hello\n" }) })
  writeFiles(directory, { spec: SPEC, "src/a": "" })
  id = (await run("build", "-q", "-f", "spec", "src")).stdout.trim()
})

describe("an image of a result", () => {
  it("is the same each time, and another one where something else is said of it", async () => {
    const archive = async (...more: ReadonlyArray<string>): Promise<Buffer> => {
      const ended = await run("export", "--format=oci-archive", "-o", "it.tar", ...more, id)
      expect(ended).toEqual({ code: 0, stdout: "", stderr: "" })
      return Fs.readFileSync(Path.join(directory, "it.tar"))
    }
    const first = await archive()
    expect((await archive()).equals(first)).toBe(true)
    const seen = new Set([first.toString("latin1")])
    const changes = [
      ["--squash"],
      ["--entrypoint=/bin/x"],
      ['--cmd=["a","b"]'],
      ["--env=A=1"],
      ["--user=7"],
      ["--workdir=/w"],
      ["--expose=80"],
      ["--label=a=b"],
      ["--annotation=a=b"],
      ["-t", "latest"],
      ["--provenance"]
    ]
    for (const change of changes) seen.add((await archive(...change)).toString("latin1"))
    expect(seen.size).toBe(changes.length + 1)
  })

  it("keeps who may read the file that it takes the place of", async () => {
    const file = Path.join(directory, "private.tar")
    Fs.writeFileSync(file, "old", { mode: 0o600 })
    Fs.symlinkSync("not-there-yet.tar", Path.join(directory, "link.tar"))
    for (const name of ["private.tar", "link.tar"]) {
      expect(await run("export", "-o", name, id)).toEqual({ code: 0, stdout: "", stderr: "" })
    }
    expect(Fs.statSync(file).mode & 0o777).toBe(0o600)
    expect(Fs.statSync(file).size).toBeGreaterThan(1000)
    expect(Fs.lstatSync(Path.join(directory, "link.tar")).isSymbolicLink()).toBe(true)
    expect(Fs.statSync(Path.join(directory, "not-there-yet.tar")).size).toBe(Fs.statSync(file).size)
  })

  it.each([
    [["export", "--format=tar", "--squash", "ID"], "--squash is for an image, and tar is none"],
    [["export", "--tag=x", "ID"], "--tag is for an image, and tar is none"],
    [["export", "--format=oci", "ID"], "oci is a directory, and needs a name"],
    [["export", "--format=oci", "-t", "a b", "-o", "x", "ID"], '"a b" is no name for an image in a layout'],
    [["export", "--format=docker-archive", "-t", "A", "-o", "x", "ID"], '"A" is no name that an image can have'],
    [
      ["export", "--format=docker-archive", "--provenance", "-o", "x", "ID"],
      "a docker-archive cannot hold a provenance"
    ],
    [
      ["export", "--format=docker-archive", "--annotation=a=b", "-o", "x", "ID"],
      "a docker-archive cannot hold annotations"
    ],
    [["export", "--format=oci", "--workdir=w", "-o", "x", "ID"], "--workdir must be an absolute path"],
    [
      ["export", "--format=oci", "--label=obuilder.result=x", "-o", "x", "ID"],
      '"obuilder.result" is for obuilder to say'
    ],
    [["push", "ID", "app:1"], '"app:1" names no registry to push to'],
    [["push", "ID", "127.0.0.1:5000"], '"127.0.0.1:5000" names no registry to push to'],
    [["push", "ID", "host:5000/a b"], '"host:5000/a b" is no name that an image can have'],
    [["push", "ID", `host:5000/a@sha256:${"0".repeat(64)}`], "has a digest, which an image cannot be given"],
    [["build", "-f", "spec", "src", "-t", "app:1"], "--tag is for an image, and none is made"],
    [["build", "-f", "spec", "src", "--label=a=b"], "--label is for an image, and none is made"],
    [["build", "-f", "spec", "src", "--push"], "--push needs a name for the image"],
    [["build", "-f", "spec", "src", "--push", "-t", "app:1"], '"app:1" names no registry to push to'],
    [["build", "-f", "spec", "src", "--load", "--provenance", "-t", "app:1"], "Docker keeps no provenance"]
  ])("is not made by %j", async (words, message) => {
    const names = Fs.readdirSync(directory).toSorted()
    const { code, stderr, stdout } = await run(...words.map((word) => (word === "ID" ? id : word)))
    expect(stderr).toContain(`obuilder: ${message.startsWith("has") ? "" : message}`)
    expect(stderr).toContain(message)
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
    expect(Fs.readdirSync(directory).toSorted()).toEqual(names)
  })

  it.each(["yesterday", "-1", "1.5", "253402300800"])("is not made at the time %s", async (time) => {
    const environment = { SOURCE_DATE_EPOCH: time }
    const { code, stderr } = await obuilder({ directory, world, environment }, "export", "-o", "it.tar", id)
    expect(stderr).toContain(`SOURCE_DATE_EPOCH is "${time}", which is no time`)
    expect(code).toBe(2)
  })

  it("is not built at all where Docker is not there to be given it", async () => {
    world = MemoryWorld.make({ base: MemoryWorld.base({}) })
    const environment = { DOCKER_HOST: `unix://${directory}/nobody` }
    const words = ["build", "-f", "spec", "src", "--load", "-t", "app:1"]
    const { code, stderr } = await obuilder({ directory, world, environment }, ...words)
    expect(stderr).toContain("nobody listens")
    expect(code).toBe(1)
    expect(world.results.size).toBe(0)
  })
})
