/** Results in real Docker engines: loaded by us, saved and run by them. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { afterAll, beforeAll, expect, it } from "vitest"
import * as DockerEngine from "../../../src/interpreters/docker/DockerEngine.ts"
import * as DockerImages from "../../../src/interpreters/docker/DockerImages.ts"
import { describeWith } from "../../requirements.ts"
import { describeTree, temporaryDirectory } from "../base/trees.ts"
import { unpackReference } from "../base/unpacking.ts"
import { debian, newerWithContainerd, start } from "../docker/realDocker.ts"
import { Specimen } from "./specimen.ts"

/** What its containers look at. */
const LOOK = "echo $FROM_BASE $CHANGED; pwd; echo $(id -u) $(id -g); stat -c '%a %u:%g %h' /new/setuid; readlink /stays"
const SETUID = "6755 1000:2000 2\nusr\n"

/** A control group of its own: the engine would leave the one that it makes. */
const GROUP = `obuilder-test-${process.pid}`

for (const kind of [debian, newerWithContainerd])
  describeWith(["root", "runc", "overlay", "busybox", kind.needs], `a result in ${kind.name}`, () => {
    const specimen = new Specimen(kind.containerd ? "containerd-image" : "docker-image")
    const scope = Effect.runSync(Scope.make())
    let host: string
    let expected: ReadonlyArray<string>

    beforeAll(async () => {
      host = await Effect.runPromise(Scope.extend(start(specimen.at("engine"), kind), scope))
      await specimen.build()
      expected = describeTree(await specimen.exports("dir", "dir"), { times: true })
    })
    afterAll(async () => {
      await Effect.runPromise(Scope.close(scope, Exit.void))
      for (const path of execFileSync("find", ["/sys/fs/cgroup", "-depth", "-type", "d", "-name", GROUP], {
        encoding: "utf8"
      }).split("\n"))
        if (path !== "") Fs.rmdirSync(path)
    })

    const docker = (...words: ReadonlyArray<string>): string => {
      const environment = { ...process.env, DOCKER_CONFIG: specimen.at("docker") }
      return execFileSync("/usr/bin/docker", ["-H", host, ...words], { encoding: "utf8", env: environment })
    }

    const runs = (image: string): string => docker("run", "--network=none", "--rm", `--cgroup-parent=${GROUP}`, image)

    /** What it makes of an image, in a directory of its own. */
    const treeOf = (image: string) =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        const images = DockerImages.make({ environment: { DOCKER_HOST: host, TMPDIR: directory } })
        const root = yield* unpackReference(directory, `docker-daemon:${image}`, { docker: images })
        return describeTree(root, { times: true })
      }).pipe(Effect.scoped, Effect.runPromise)

    it("runs as the spec says where it is loaded by a build", async () => {
      const words = ["build", "-q", ...specimen.store, "--load", "--tag=team/it:1", "-f", specimen.spec()]
      const more = ["--cmd", JSON.stringify(["sh", "-c", LOOK]), specimen.at("source")]
      const { status, stderr } = await specimen.program.run([...words, ...more], { environment: { DOCKER_HOST: host } })
      expect(status, stderr).toBe(0)
      expect(runs("team/it:1")).toBe(`kept yes\n/work\n1000 1000\n${SETUID}`)
      expect(await treeOf("team/it:1")).toEqual(expected)
    })

    it.each([
      ["layered", []],
      ["squashed", ["--squash"]]
    ])("runs as an export says that it is given, %s", async (name, more) => {
      const said = ["--entrypoint=/bin/sh", "--cmd", JSON.stringify(["-c", LOOK]), "--env=FROM_BASE=other"]
      const words = [...said, "--user=7:8", "--workdir=/new", `--tag=${name}`, ...more]
      const archive = await specimen.exports("docker-archive", `${name}.tar`, { more: words })
      const engine = await DockerEngine.open({ DOCKER_HOST: host })
      await engine.load(Fs.createReadStream(archive), new AbortController().signal)
      await engine.close()
      expect(runs(name)).toBe(`other yes\n/new\n7 8\n${SETUID}`)
      const [{ Config: config = "" } = {}] = JSON.parse(
        execFileSync("tar", ["-xOf", archive, "manifest.json"], { encoding: "utf8" })
      )
      // containerd names it by a manifest of its own.
      const isItsName = docker("inspect", "--format={{.Id}}", name).trim() === `sha256:${config.replace(".json", "")}`
      expect(isItsName).toBe(!kind.containerd)
      expect(await treeOf(name)).toEqual(expected)
    })
  })
