/** The built program with results in a real Docker engine: what it keeps, what it keeps to itself, and what it says. */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import { beforeAll, expect, it } from "vitest"
import { ask, inspect, objects } from "../interpreters/docker/askEngine.ts"
import { realEngine } from "../interpreters/docker/engine.ts"
import { directory, type Entry, file, hardLink, link, ociLayout } from "../interpreters/base/images.ts"
import { describeWith } from "../requirements.ts"
import { until } from "../until.ts"
import { processesWith } from "../processes.ts"
import { temporaryIn } from "./leftovers.ts"
import { Program } from "./program.ts"

const program = new Program("on-docker")
const at = (name: string): string => program.path(name)

const FAILED = 1
const WRONG = 2
const LACKS = 3

/** How the base is run, which is not how its steps are. */
const CONFIG = {
  Env: ["PATH=/bin", "FROM=base"],
  Entrypoint: ["/bin/entry", "point"],
  Cmd: ["with", "these"],
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

describeWith(["root", "docker", "busybox"], "with results in a Docker engine", () => {
  const engine = realEngine()
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
  const fails = (status: number, name: string, spec: string, ...more: ReadonlyArray<string>): Promise<string> =>
    program.fails(status, ["build", "-q", ...words(name, spec, ...more)], { ...options(), store: store(name) })
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
    const made = images.filter((one) => !before.images.includes(one))
    expect(made.length).toBe(2)
    for (const image of made) {
      const { body, status } = await ask(engine.host, "GET", `/images/${image}/get`)
      expect(status).toBe(200)
      expect(body.includes(secret)).toBe(false)
      expect(body.includes("/run/secrets/s")).toBe(false)
    }
    // One that the search is sure to find, so that it does find.
    expect(filesWith("FROM=base", engine.directory, store("secrets"))).not.toEqual([])
    expect(filesWith(secret, engine.directory, store("secrets"), at("tmp"), "/dev/shm/obuilder-docker-0")).toEqual([])
    expect(Fs.readdirSync("/dev/shm/obuilder-docker-0")).toEqual([])
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
    expect(second?.Id).toBe(first?.Id)
    expect(first?.Config).toMatchObject(CONFIG)
    expect(first).toMatchObject({ Container: "", Created: "1970-01-01T00:00:00Z" })
    const history = await ask(engine.host, "GET", `/images/${first?.Id}/history`)
    const said = JSON.stringify([first?.Config, first?.ContainerConfig]) + history.body.toString("utf8")
    expect(said).toContain("FROM=base")
    expect(said).not.toMatch(/SECRETIVE|\/work|builder"|echo x|"Hostname":"[^"]|"CreatedBy":"[^"]/)
    expect(JSON.stringify(first?.Config)).not.toMatch(/[0-9a-f]{12}/)
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
    "/events?since=0&until=1"
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
