/**
 * The same Dockerfiles built by this program, by BuildKit (that of the newest
 * Docker engine here) and by buildah: commands that do nothing, and a copy of
 * 10,000 files; first with nothing of it kept, then with all of it, and with
 * one file changed. Each is its command line, from its start to its end; the
 * engine runs before. All steps have the host's network, and what each keeps
 * is on the same file system.
 */
import * as Fs from "node:fs"
import { spawnSync } from "node:child_process"
import { CLIENT, engines, serveDocker } from "./dockerEngine.mjs"
import { makeSmallFiles } from "./fixtures.mjs"
import { alternate, ratio } from "./measure.mjs"
import { OBUILDER, run, settle, timeOf } from "./processes.mjs"
import { serveRegistry } from "./registry.mjs"

const STEPS = 20

export const measure = async ({ scratch, base, rounds }) => {
  const lacking = ["docker-registry", "skopeo", "umoci", "buildah"].filter(
    (name) => spawnSync("which", [name]).status !== 0
  )
  const kind = engines().findLast(({ containerd, major }) => !containerd && major >= 23)
  if (kind === undefined) lacking.push("a Docker engine of version 23 or later")
  if (lacking.length > 0) throw new Error(`The benchmark "others" needs ${lacking.join(", ")}.`)
  const directory = `${scratch}/others`
  Fs.mkdirSync(directory)
  const registry = await serveRegistry(directory)
  try {
    const engine = await serveDocker(`${directory}/docker`, kind)
    try {
      const image = push(directory, base, registry.host)
      return await compare({ directory, image, engine, kind, rounds })
    } finally {
      await engine.stop()
    }
  } finally {
    await registry.stop()
    unmount(directory)
  }
}

/** What buildah leaves where a build of it fails. */
const unmount = (directory) => {
  const places = Fs.readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
  for (const place of places.reverse()) if (place.startsWith(`${directory}/`)) run("umount", ["-l", place])
}

/** By its digest, so that nobody asks the registry for the tag again. */
const push = (directory, base, host) => {
  const layout = `${directory}/image`
  run("umoci", ["init", "--layout", layout])
  run("umoci", ["new", "--image", `${layout}:1`])
  run("umoci", ["insert", "--image", `${layout}:1`, base, "/"])
  const file = `${directory}/digest`
  const words = ["copy", "--quiet", "--insecure-policy", "--dest-tls-verify=false", `--digestfile=${file}`]
  run("skopeo", [...words, `oci:${layout}:1`, `docker://${host}/base:1`])
  return `${host}/base@${Fs.readFileSync(file, "utf8").trim()}`
}

const compare = async ({ directory, image, engine, kind, rounds }) => {
  const buildkit = `BuildKit of ${kind.name}`
  const names = ["obuilder", buildkit, "buildah"]
  run(CLIENT, ["pull", "--quiet", image], engine.environment)
  const policy = `${directory}/policy.json`
  Fs.writeFileSync(policy, JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] }))
  const tools = {
    obuilder: ({ context, dockerfile }) =>
      timeOf(OBUILDER, ["build", "-q", `--store=overlayfs:${directory}/store`, "-f", dockerfile, context]),
    [buildkit]: ({ context, dockerfile }) =>
      timeOf(CLIENT, ["build", "-q", "--network=host", "-f", dockerfile, context], engine.environment),
    buildah: ({ context, dockerfile }) =>
      timeOf("buildah", [
        ...["--root", `${directory}/buildah`, "--runroot", `${directory}/buildah-run`, "--storage-driver", "overlay"],
        ...[
          "build",
          "-q",
          "--runtime=runc",
          "--layers",
          "--network=host",
          "--tls-verify=false",
          "--signature-policy",
          policy
        ],
        ...["-f", dockerfile, context]
      ])
  }
  /** One figure for each of the others, of what `build` gives in each round. */
  const figures = async (what, count, prepare, more = {}) => {
    const variants = Object.entries(tools).flatMap(([name, build]) => [
      [name, (round) => build(prepare(round, name))],
      ...Object.entries(more).map(([title, change]) => [`${name}, ${title}`, (round) => build(change(round, name))])
    ])
    const times = await alternate(Object.fromEntries(variants), { rounds: rounds(count) })
    const [, ...others] = names
    return ["", ...Object.keys(more).map((title) => `, ${title}`)].flatMap((title) =>
      others.map((other) => ({
        ...ratio({ name: `${what}${title}`, times, of: `obuilder${title}`, to: `${other}${title}`, target: 1 }),
        unit: `× ${other}`,
        // What Docker's engine does would not be in it.
        processor: undefined
      }))
    )
  }

  const empty = `${directory}/empty`
  Fs.mkdirSync(empty)
  const write = (name, text) => {
    const path = `${directory}/${name}.Dockerfile`
    Fs.writeFileSync(path, text)
    return path
  }
  const running = (round) => ({
    context: empty,
    dockerfile: write("run", `FROM ${image}\nENV ROUND="run ${round}"\n${"RUN true\n".repeat(STEPS)}`)
  })
  const files = `${directory}/files`
  makeSmallFiles(files)
  const context = (name) => `${directory}/context-${names.indexOf(name)}`
  const copying = (round, name) => ({
    context: context(name),
    dockerfile: write("copy", `FROM ${image}\nENV ROUND="copy ${round}"\nCOPY . /data/\n`)
  })
  return [
    ...(await figures(`${STEPS} RUN steps`, 7, (round) => (settle(directory), running(round)), {
      "all of them kept": running
    })),
    ...(await figures(
      "COPY of 10,000 small files",
      5,
      (round, name) => {
        // A directory that none of them has seen.
        Fs.rmSync(context(name), { recursive: true, force: true })
        run("cp", ["-r", files, context(name)])
        settle(directory)
        return copying(round, name)
      },
      {
        unchanged: copying,
        "one of them changed": (round, name) => {
          Fs.writeFileSync(`${context(name)}/d50/file-50.dat`, `round ${round}\n`)
          return copying(round, name)
        }
      }
    ))
  ]
}
