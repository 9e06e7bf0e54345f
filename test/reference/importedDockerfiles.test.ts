/**
 * Dockerfiles as people write them, built by a real Docker engine and by way of
 * the import: the trees are the same, and the images are run alike.
 */
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import { beforeAll, expect, it } from "vitest"
import { realEngine } from "../interpreters/docker/engine.ts"
import { newer } from "../interpreters/docker/realDocker.ts"
import { scratchDirectory } from "../interpreters/host/scratch.ts"
import { describeWith, dockerClient } from "../requirements.ts"
import { writeBase } from "./buildCases.ts"
import { differences, dockerBuilds } from "./engineTrees.ts"
import { importedBuilds, type OwnImage } from "./importedDockerfiles.ts"

const corpus = `${import.meta.dirname}/dockerfiles`
const scratch = scratchDirectory("imported-dockerfiles")

interface Variation {
  readonly args?: Readonly<Record<string, string>>
  readonly target?: string
}

/** Each is built as it stands, and so. */
const variations: Readonly<Record<string, ReadonlyArray<Variation>>> = {
  arguments: [{}, { args: { VERSION: "2", FLAVOUR: "spicy", UNSET: "set" } }],
  "build-argument": [{ target: "two" }, { target: "one", args: { COLOUR: "green", TAG: "x" } }],
  stages: [{}, { target: "export" }],
  "c-program": [{}, { target: "test" }]
}

/** Modes of what is in a context: git keeps only whether a file is executable. */
const modes: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  preserved: {
    d: 0o750,
    "d/f": 0o600,
    "d/sub": 0o1777,
    "d/sub/g": 0o6711,
    "d/sub/keep": 0o700,
    "d/sub/keep/h": 0o440,
    partial: 0o755,
    "partial/sub": 0o2711,
    "partial/sub/x": 0o664,
    "partial/sub/z": 0o711,
    tool: 0o4755,
    private: 0o600
  }
}

const TOKEN = "a token"

describeWith(
  ["root", "newerDocker", "dockerBuild", "busybox", "runc", "overlay", "tar"],
  "a Dockerfile that is imported",
  () => {
    const engine = realEngine(newer)
    const docker = dockerBuilds(engine)
    const bases: Record<string, string> = {}
    const own = importedBuilds(scratch.path, bases)
    const secret = `${scratch.path}/secret`

    beforeAll(async () => {
      Fs.writeFileSync(secret, TOKEN)
      const root = `${scratch.path}/base`
      writeBase(root)
      const users = [
        "root:x:0:0:root:/root:/bin/sh",
        "app:x:1000:1000::/home/app:/bin/sh",
        // The last one's name is a number, and is never looked for.
        "tool:x:1500:2500::/tool:/bin/sh",
        "1700:x:1701:1702::/:/bin/sh",
        "nobody:x:65534:65534::/:/bin/sh"
      ]
      Fs.writeFileSync(`${root}/etc/passwd`, `${users.join("\n")}\n`)
      const groups = ["app:x:1000:", "tools:x:2500:", "staff:x:50:app,tool", "wheel:x:10:tool"]
      Fs.writeFileSync(`${root}/etc/group`, `${groups.join("\n")}\n`)
      Fs.mkdirSync(`${root}/home`)
      bases["base"] = await docker.addBase("base", root)
      const path = "ENV PATH=/bin:/usr/bin:/sbin:/usr/sbin"
      bases["parent"] = await docker.addBase("parent", root, [
        path,
        'CMD ["parent"]',
        "LABEL a=0 z=9",
        "EXPOSE 1/tcp",
        "USER app",
        "WORKDIR /home"
      ])
      const tools = `${scratch.path}/tools`
      for (const name of ["etc", "share/x"]) Fs.mkdirSync(`${tools}/${name}`, { recursive: true })
      Fs.writeFileSync(`${tools}/etc/motd`, "hello\n")
      Fs.writeFileSync(`${tools}/share/x/y`, "y\n")
      bases["tools"] = await docker.addBase("tools", tools)
    }, 60_000)

    /** What the engine's own image says. */
    const configuration = (dockerfile: string, context: string, { args = {}, target }: Variation) => {
      const environment = { ...engine.environment(), DOCKER_CONFIG: `${engine.directory}/client`, DOCKER_BUILDKIT: "1" }
      const words = [
        ...["build", "-q", "--network=none", "--file=-", `--secret=id=token,src=${secret}`],
        ...Object.entries(args).map(([name, value]) => `--build-arg=${name}=${value}`),
        ...(target === undefined ? [] : [`--target=${target}`]),
        context
      ]
      const run = (given: ReadonlyArray<string>) =>
        spawnSync(dockerClient(), given, { env: environment, input: dockerfile, encoding: "utf8" })
      const { stderr, stdout } = run(words)
      if (stdout === "") throw new Error(stderr)
      return JSON.parse(run(["image", "inspect", "--format={{json .Config}}", stdout.trim()]).stdout)
    }

    /** The corpus' own directory, or a copy of it with the modes that it is to have. */
    const contextOf = (name: string): string => {
      const given = modes[name]
      if (given === undefined) return `${corpus}/${name}`
      const context = `${scratch.path}/contexts/${name}`
      Fs.cpSync(`${corpus}/${name}`, context, { recursive: true, verbatimSymlinks: true })
      for (const [path, mode] of Object.entries(given)) Fs.chmodSync(`${context}/${path}`, mode)
      return context
    }

    const cases = Fs.readdirSync(corpus).flatMap((name) =>
      (variations[name] ?? [{}]).map((variation) => [name, variation] as const)
    )

    it.each(cases)("%s %j", async (name, variation) => {
      const context = contextOf(name)
      const dockerfile = Fs.readFileSync(`${context}/Dockerfile`, "utf8")
      const offline = dockerfile.replace(/^# syntax=.*\n/, "")
      const request = { dockerfile: offline, context, network: "none", ...variation } as const
      const [theirs, ours] = await Promise.all([
        docker.build({ ...request, secrets: { token: secret } }),
        own({ ...request, secrets: { token: TOKEN } })
      ])
      expect([
        theirs._tag === "Failed" ? theirs.said : "",
        ours.outcome._tag === "Failed" ? ours.outcome.said : ""
      ]).toEqual(["", ""])
      const points = mountPoints(dockerfile)
      const found = differences(theirs, ours.outcome).filter(
        ({ ours, path }) => !(ours === "nothing" && points.some((point) => `${point}/`.startsWith(`${path}/`)))
      )
      expect(found).toEqual([])
      expect(comparable(ours.config)).toEqual(comparable(configuration(offline, context, variation)))
    })
  }
)

/** What older engines leave as empty directories and files; newer ones remove them, as we do. */
const mountPoints = (dockerfile: string): ReadonlyArray<string> => [
  ...[...dockerfile.matchAll(/target=(\/[^\s,]+)/g)].map(([, path = ""]) => path),
  ...[...dockerfile.matchAll(/type=secret,id=(\w+)/g)].map(([, id]) => `/run/secrets/${id}`)
]

const FIELDS = [
  "Cmd",
  "Entrypoint",
  "Env",
  "Labels",
  "ExposedPorts",
  "User",
  "WorkingDir",
  "Volumes",
  "StopSignal",
  "Healthcheck",
  "Shell"
]

/** Without what is not there, and without our own label. */
const comparable = (config: OwnImage["config"]): object => {
  const shown: Record<string, unknown> = {}
  for (const name of FIELDS) {
    const value = config[name]
    if (value === undefined || value === null || value === "") continue
    if (Array.isArray(value)) shown[name] = name === "Env" ? [...value].sort() : value
    else if (typeof value === "object") {
      const kept = Object.entries(value).filter(([key]) => key !== "obuilder.result")
      if (kept.length > 0) shown[name] = Object.fromEntries(kept)
    } else shown[name] = value
  }
  return shown
}
