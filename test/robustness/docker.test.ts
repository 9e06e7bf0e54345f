/** The built program with results in real Docker engines: what it keeps, what it keeps to itself, and what it says. */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import { beforeAll, expect, it } from "vitest"
import { ask, inspect, objects } from "../interpreters/docker/askEngine.ts"
import { realEngine } from "../interpreters/docker/engine.ts"
import { debian, newerWithContainerd } from "../interpreters/docker/realDocker.ts"
import { directory, type Entry, file, hardLink, link, ociLayout } from "../interpreters/base/images.ts"
import { describeWith } from "../requirements.ts"
import { until } from "../until.ts"
import { processesWith } from "../processes.ts"
import { temporaryIn } from "./leftovers.ts"
import { Program } from "./program.ts"

const FAILED = 1
const LACKS = 3

/** How the base is run, which is not how its steps are. */
const CONFIG = {
  Env: ["PATH=/bin", "FROM=base", `ODD= a "b" 'c' $PATH \\ d`],
  Entrypoint: ["/bin/entry", "point"],
  Cmd: ["with", 'these "$PATH" \\'],
  WorkingDir: "/tmp",
  User: "7:8"
}

const APPLETS = ["cat", "dd", "echo", "env", "head", "ls", "mkdir", "rm", "sh", "sha256sum", "sleep", "touch", "true"]

const busybox = (): ReadonlyArray<Entry> => {
  const path = execFileSync("sh", ["-c", "command -v busybox"], { encoding: "utf8" }).trim()
  return [
    directory("./"),
    directory("bin"),
    directory("etc"),
    directory("tmp", { mode: 0o1777 }),
    file("bin/busybox", Fs.readFileSync(path), { mode: 0o755 }),
    ...APPLETS.map((name) => link(`bin/${name}`, "busybox")),
    file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
  ]
}

const BASE = "(from oci:system) (shell /bin/sh -c)"

for (const kind of [debian, newerWithContainerd])
  describeWith(["root", kind.needs, "busybox"], `with results in ${kind.name}`, () => {
    const program = new Program(kind.containerd ? "on-containerd" : "on-docker")
    const at = (name: string): string => program.path(name)
    const engine = realEngine(kind)
    const store = (name: string): string => at(`stores/${name}`)
    const storeWord = (name: string): string => `--store=docker:${store(name)}`
    const options = () => ({ environment: { DOCKER_HOST: engine.host, TMPDIR: at("tmp") } })
    let specs = 0
    const words = (name: string, spec: string, ...more: ReadonlyArray<string>): ReadonlyArray<string> => [
      storeWord(name),
      ...more,
      ...["-f", program.write(`specs/${specs++}`, spec), at("source")]
    ]
    const builds = (name: string, spec: string, ...more: ReadonlyArray<string>): Promise<string> =>
      program.builds(words(name, spec, ...more), { ...options(), store: store(name) })
    const fails = async (
      status: number,
      name: string,
      spec: string,
      ...more: ReadonlyArray<string>
    ): Promise<string> => {
      const all = { ...options(), store: store(name) }
      const said = await program.fails(status, ["build", "-q", ...words(name, spec, ...more)], all)
      return said.replaceAll(engine.host, "HOST")
    }
    const run = async (command: string, name: string, ...more: ReadonlyArray<string>): Promise<string> => {
      const { status, stderr, stdout } = await program.run([command, storeWord(name), ...more], options())
      expect({ status }, stderr).toEqual({ status: 0 })
      return stdout
    }
    /** The image of a result, by the name that the engine has for it. */
    const imageOf = async (name: string, id: string): Promise<string> => {
      const tree = Fs.readlinkSync(`${store(name)}/results/${id}/fs`)
      return (await objects(engine.host)).images.find((one) => one.endsWith(`:${tree}`)) ?? "there is none"
    }

    beforeAll(() => {
      for (const name of ["tmp", "source", "stores"]) Fs.mkdirSync(at(name))
      ociLayout(at("source/system"), { layers: [busybox()], config: { config: CONFIG }, name: "latest" })
      program.write("source/file", "content\n")
    })

    it("nobody but the step sees a secret, and nothing keeps it", async () => {
      const secret = `very-${process.pid}-secret-${Math.random().toString(36).slice(2)}`
      const seconds = String(1_000_000 + process.pid)
      const before = await objects(engine.host)
      const secretFile = program.write("secret", secret)
      const running = program.start(
        [
          "build",
          ...words(
            "secrets",
            `(${BASE} (run (secrets (s (target /run/secrets/s)))
            (shell "sha256sum < /run/secrets/s; sleep ${seconds} & wait; echo woken")))`,
            `--secret=s:${secretFile}`
          )
        ],
        options()
      )
      const sleeping = () => processesWith((line) => line === `sleep\0${seconds}\0`)
      const hash = createHash("sha256").update(secret).digest("hex")
      await until("the step waits", () => sleeping().length === 1 && running.output().includes(hash))
      expect(processesSaying(secret)).toEqual([])
      const during = await everythingSaid(engine.host)
      expect(during).toContain("obuilder-")
      expect(during).not.toContain(secret)
      for (const pid of sleeping()) process.kill(pid)
      const { status, stderr } = await running.ended
      expect({ status }, stderr).toEqual({ status: 0 })
      expect(running.output()).toContain("woken")
      const after = await everythingSaid(engine.host)
      expect(after).not.toContain(secret)
      const { images } = await objects(engine.host)
      const made = images.filter((one) => !before.images.includes(one) && !one.endsWith(":empty"))
      // containerd's keeps what one of several commits of a step was made on, too, until that goes.
      expect(made.length).toBe(kind.containerd ? 3 : 2)
      for (const image of made) {
        const { body, status } = await ask(engine.host, "GET", `/images/${image}/get`)
        expect(status).toBe(200)
        expect(body.includes(secret)).toBe(false)
        expect(body.includes("/run/secrets/s")).toBe(false)
      }
      // One that the search is sure to find, so that it does find.
      expect(filesWith("FROM=base", engine.directory, store("secrets"))).not.toEqual([])
      expect(filesWith(secret, engine.directory, store("secrets"), at("tmp"))).toEqual([])
      expect(Fs.readdirSync("/dev/shm/obuilder-docker-0").filter((one) => one.startsWith(`${running.pid}-`))).toEqual(
        []
      )
    })

    it("the same spec has the same images in another store, which say nothing of how they were made", async () => {
      const spec = `(${BASE} (env SECRETIVE word) (workdir /work) (user (uid 3) (gid 4))
      (copy (src file) (dst /copied))
      (user (uid 0) (gid 0))
      (run (network host) (shell "echo x > /made; touch -d @1000000000 /made /work /etc /")))`
      Fs.utimesSync(at("source/file"), 1e9, 1e9)
      const ids = [await builds("same1", spec), await builds("same2", spec)]
      expect(ids[0]).toBe(ids[1])
      const results = await Promise.all(
        ["same1", "same2"].map(async (name) => inspect(engine.host, await imageOf(name, ids[0] ?? "")))
      )
      const [first, second] = results
      expect(first?.RootFS.Layers.length).toBeGreaterThan(2)
      // The directory of a step that has not run yet is made then, with the time of then.
      expect(second?.RootFS).toEqual(first?.RootFS)
      expect(second?.Config).toEqual(first?.Config)
      // Nothing can be made there of what a commit says: when it was, and what variables its container had.
      if (kind.containerd)
        return expect(first?.Config).toMatchObject({ ...CONFIG, Env: expect.arrayContaining(CONFIG.Env) })
      expect(second?.Id).toBe(first?.Id)
      expect(first?.Config).toMatchObject(CONFIG)
      expect(first).toMatchObject({ Container: "", Created: "1970-01-01T00:00:00Z" })
      const history = await ask(engine.host, "GET", `/images/${first?.Id}/history`)
      const said = JSON.stringify([first?.Config, first?.ContainerConfig]) + history.body.toString("utf8")
      expect(said).toContain("FROM=base")
      expect(said).not.toMatch(/SECRETIVE|\/work|builder"|echo x|"Hostname":"[^"]|"CreatedBy":"[^"]/)
      expect(JSON.stringify(first?.Config)).not.toMatch(/[0-9a-f]{12}/)
    })

    it("what somebody has removed behind its back is made anew", async () => {
      const spec = `(${BASE} (run (shell "echo a > /a")) (run (shell "cat /a > /b")))`
      const id = await builds("lost", spec)
      const image = await imageOf("lost", id)
      const [repository = ""] = image.split(":")
      const ours = async () => (await objects(engine.host)).images.filter((one) => one.startsWith(`${repository}:`))
      for (const gone of [() => [image], ours]) {
        for (const one of await gone())
          expect((await ask(engine.host, "DELETE", `/images/${one}?force=1`)).status).toBe(200)
        expect(await builds("lost", spec)).toBe(id)
        expect(await ours()).toContain(await imageOf("lost", id))
      }
      // What a result was made on is needed too: its files are, where the result's layer is to be told.
      const last = await imageOf("lost", id)
      const all = await ours()
      for (const one of all) {
        if (one !== last && !one.endsWith(":empty"))
          expect((await ask(engine.host, "DELETE", `/images/${one}?force=1`)).status).toBe(200)
      }
      expect(await builds("lost", spec)).toBe(id)
      expect(await ours()).toHaveLength(all.length)
      expect(await ours()).toContain(last)
      await run("export", "lost", id, "--format=docker-archive", "-t", "lost:1", "-o", at("lost.tar"))
      // What an engine went on with when its client was killed is swept by the next build that runs something.
      const left = `${repository}-0123456789abcdef`
      expect((await ask(engine.host, "POST", "/volumes/create", { Name: left })).status).toBe(201)
      const before = await ours()
      await builds("lost", "((from scratch) (copy (src file) (dst /)))")
      expect(await ours()).toEqual(expect.arrayContaining([...before]))
      expect((await objects(engine.host)).volumes).not.toContain(left)
    })

    it("what is cached needs no engine, and what is not says that there is none", async () => {
      const spec = `(${BASE})`
      const id = await builds("down", spec)
      const nowhere = { environment: { ...options().environment, DOCKER_HOST: `unix://${at("nobody")}` } }
      expect(await program.builds(words("down", spec), { ...nowhere, store: store("down") })).toBe(id)
      const said: Array<readonly [string, number | null, string]> = []
      for (const [command, ...more] of [
        ["build", ...words("down", `(${BASE} (run (shell true)))`).slice(1)],
        ["build", ...words("new", spec).slice(1)],
        ["export", id],
        ["log", id],
        ["ls"],
        ["inspect", id],
        ["df"],
        ["fsck"],
        ["prune", "--keep-storage=0"],
        ["delete", id],
        ["healthcheck"]
      ] as const) {
        const name = more.at(-1) === at("source") && said.length === 1 ? "new" : "down"
        const { status, stderr } = await program.run([command, storeWord(name), ...more], nowhere)
        expect(stderr).not.toMatch(/^\s+at |_tag|FiberFailure|internal error/m)
        said.push([command, status, program.message(stderr)])
      }
      expect(said).toMatchSnapshot()
      const wrong = {
        environment: { ...options().environment, DOCKER_HOST: "ssh://me@builder" },
        store: store("wrong")
      }
      expect(await program.fails(LACKS, ["build", "-q", ...words("wrong", spec)], wrong)).toMatchSnapshot()
    })

    it("images without any program take and give files of all kinds", async () => {
      const long = `${"long".repeat(24)}/${"name".repeat(24)}/${"path".repeat(30)}`
      const entries = [
        directory("./"),
        file("a", "linked"),
        hardLink("b", "a"),
        directory("d"),
        hardLink("d/c", "a"),
        link("loop", "loop2"),
        link("loop2", "loop"),
        link("nowhere", "/none/at/all"),
        link("up", "../../../../d"),
        file("x", "far", { pax: { path: long } }),
        file("é☃\n", "named")
      ]
      ociLayout(at("source/odd"), { layers: [entries], name: "latest" })
      const spec = `((build odd ((from oci:odd)))
      (build between ((from scratch) (copy (from (build odd)) (src .) (dst /all)) (copy (src file) (dst /all/up/))))
      (from scratch)
      (copy (from (build between)) (src /all /all/a /all/b /all/d) (dst /some/))
      (copy (from (build between)) (src "/all/${long.split("/")[0]}" "/all/é☃\\n" /all/up /all/nowhere) (dst /some)))`.replace(
        "(dst /some)))",
        "(dst /some/)))"
      )
      const id = await builds("odd", spec)
      const rsync = `--store=rsync:${at("rsync")}`
      const same = await program.builds([rsync, ...words("odd", spec).slice(1)], { ...options(), store: at("rsync") })
      expect(same).toBe(id)
      const listing = async (word: string) => {
        const tar = at(`odd-${specs++}.tar`)
        const { status, stderr } = await program.run(["export", word, id, "-o", tar], options())
        expect({ status }, stderr).toEqual({ status: 0 })
        return execFileSync("tar", ["-tvf", tar, "--numeric-owner"], { encoding: "utf8" })
          .split("\n")
          .map((line) => line.replace(/ \d{4}-\d\d-\d\d \d\d:\d\d /, " "))
          .sort()
      }
      const found = await listing(storeWord("odd"))
      expect(found.length).toBeGreaterThan(10)
      expect(found).toEqual(await listing(rsync))
    })

    it("what engines take for deletions is in no base and in no copy", async () => {
      program.write("source/base/été/file", "kept\n")
      const spec = "((from rootfs:base) (copy (src base) (dst /)))"
      await builds("names", spec)
      program.write("source/base/été/.wh.file", "")
      const refused = /été\/\.wh\.file cannot be in an image/
      for (const one of ["((from rootfs:base))", "((from scratch) (copy (src base) (dst /)))"]) {
        expect(await fails(FAILED, "names", one)).toMatch(refused)
      }
      Fs.rmSync(at("source/base"), { recursive: true })
    })

    it("steps have the limits that they are given, and what an engine refuses is told", async () => {
      const step = (command: string): string => `(${BASE} (run (network host) (shell "${command}")))`
      const eat = step("dd if=/dev/zero of=/dev/null bs=200M count=1")
      for (const flag of ["--docker-memory=20M", "--memory=20M"]) {
        expect(await fails(FAILED, `memory${flag}`, eat, flag)).toContain("memory")
      }
      const ended = async (name: string, spec: string, ...more: ReadonlyArray<string>) => {
        const { status, stderr, stdout } = await program.run(["build", ...words(name, spec, ...more)], options())
        expect({ status }, stderr).toEqual({ status: 0 })
        return stdout
      }
      const interfaces = await ended("limits", step("ls /sys/class/net; echo end"), "--docker-network=none")
      expect(interfaces).toContain("\nlo\nend\n")
      expect(await fails(LACKS, "limits", step("echo 1"), "--docker-isolation=hyperv")).toMatchSnapshot()
      expect(await fails(LACKS, "limits", step("echo 2"), "--runtime=unknown")).toMatchSnapshot()
      expect(await fails(LACKS, "limits", step("echo 3"), "--docker-network=unknown")).toMatchSnapshot()
      expect(await fails(LACKS, "limits", step("echo 4"), "--fast-sync")).toMatchSnapshot()
      const cpus = step("cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2>/dev/null; echo end")
      expect(await ended("limits", cpus, "--docker-cpus=0.5")).toMatch(/\n50000( 100000)?\nend\n/)
    })

    it("two programs make a result once; all commands know it; and what is deleted is gone from the engine", async () => {
      const spec = `(${BASE} (run (cache (c (target /c))) (shell "echo x >> /c/runs; cat /c/runs; echo y > /y")))`
      const both = await Promise.all([1, 2].map(() => builds("both", spec)))
      const [id = ""] = both
      expect(both).toEqual([id, id])
      expect(await run("log", "both", id)).toBe("x\n")
      expect(await run("ls", "both")).toContain(id.slice(0, 12))
      expect(await run("inspect", "both", id)).toContain(id)
      expect(JSON.parse(await run("df", "both", "--format=json"))).toBeTypeOf("object")
      await run("fsck", "both", "--record")
      await run("fsck", "both", "--data")
      expect(await run("healthcheck", "both")).not.toContain("failed")
      await run("export", "both", id, "--format=docker-archive", "-t", "x:1", "-o", at("x.tar"))
      expect(Fs.readFileSync(at("x.tar")).includes('"RepoTags":["')).toBe(true)
      const [repository = ""] = (await imageOf("both", id)).split(":")
      await run("delete", "both", id)
      await run("prune", "both", "--max-items=1", "--older-than=0s")
      await run("clean", "both")
      const { containers, images, volumes } = await objects(engine.host)
      const left = [...containers, ...images, ...volumes].filter((one) => one.startsWith(repository))
      expect(left.filter((one) => !one.endsWith(":empty"))).toEqual([])
      expect(temporaryIn(store("both"))).toEqual([])
    })
  })

/** Processes of the machine whose command line or environment has this in it. */
const processesSaying = (text: string): ReadonlyArray<string> =>
  Fs.readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => ["cmdline", "environ"].some((name) => contentOf(`/proc/${pid}/${name}`).includes(text)))

const contentOf = (path: string): string => {
  try {
    return Fs.readFileSync(path, "latin1")
  } catch {
    return ""
  }
}

/** What an engine says of all containers and images, of how those came to be, and of what containers wrote. */
const everythingSaid = async (host: string): Promise<string> => {
  const { containers, images } = await objects(host)
  const paths = [
    ...containers.flatMap((one) => [`/containers/${one}/json`, `/containers/${one}/logs?stdout=1&stderr=1`]),
    ...images.flatMap((one) => [`/images/${one}/json`, `/images/${one}/history`]),
    `/events?since=0&until=${Math.ceil(Date.now() / 1000)}`
  ]
  const said = await Promise.all(paths.map((path) => ask(host, "GET", path)))
  return said.map(({ body }) => body.toString("latin1")).join("\n")
}

/** Files below directories that have this in them. */
const filesWith = (text: string, ...directories: ReadonlyArray<string>): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (const at of directories) {
    for (const entry of Fs.readdirSync(at, { recursive: true, withFileTypes: true })) {
      const path = `${entry.parentPath}/${entry.name}`
      if (path.includes(text) || (entry.isFile() && Fs.readFileSync(path).includes(text))) found.push(path)
    }
  }
  return found
}
