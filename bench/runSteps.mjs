/**
 * 20 steps that do nothing, none of them in the store, beside 20 bare `runc run`
 * of the same command, started one after the other by a shell.
 */
import * as Fs from "node:fs"
import { open } from "./engine.mjs"
import { runSteps } from "./fixtures.mjs"
import { alternate, ratio, timed } from "./measure.mjs"
import { OBUILDER, run, timeOf } from "./processes.mjs"

const STEPS = 20
const COMMAND = ["/bin/sh", "-c", "true"]
const TARGET = 1.3

export const measure = async ({ scratch, base, rounds }) => {
  const directory = `${scratch}/run`
  const store = `${directory}/store`
  const source = `${directory}/source`
  Fs.mkdirSync(source, { recursive: true })
  defaultBundle(`${directory}/default`, base)
  run(OBUILDER, buildWords({ directory, store, source, base, tag: "first" }))
  sameBundle(`${directory}/same`, { directory, store, source, base })

  const engine = open({ store, source })
  try {
    const times = await alternate(
      {
        "bare runc": () => timeOf("sh", ["-c", loop(`${directory}/default`)]),
        "obuilder build": (round) =>
          timeOf(OBUILDER, buildWords({ directory, store, source, base, tag: `process ${round}` })),
        "bare runc, obuilder's config.json": () => timeOf("sh", ["-c", loop(`${directory}/same`)]),
        "engine alone": async (round) => timed(await engine.prepare(runSteps(base, STEPS, `engine ${round}`)))
      },
      { rounds: rounds(15) }
    )
    const figure = (name, of, to, target) => ratio({ name: `20 cold \`run\` steps: ${name}`, times, of, to, target })
    return [
      figure("`obuilder build`, the whole process", "obuilder build", "bare runc", TARGET),
      figure("the engine, inside one process", "engine alone", "bare runc", TARGET),
      figure("`obuilder build`, with the same config.json", "obuilder build", "bare runc, obuilder's config.json"),
      figure("the engine, with the same config.json", "engine alone", "bare runc, obuilder's config.json")
    ]
  } finally {
    await engine.close()
  }
}

const buildWords = ({ directory, store, source, base, tag }, ...more) => {
  const spec = `${directory}/spec`
  Fs.writeFileSync(spec, runSteps(base, STEPS, tag))
  return ["build", `--store=overlayfs:${store}`, ...more, "-f", spec, source]
}

const loop = (bundle) =>
  `n=0; while [ $n -lt ${STEPS} ]; do n=$((n+1)); runc run --bundle '${bundle}' obuilder-bench-${process.pid} || exit; done`

/** As `runc spec` makes it, but for the command, the terminal and where the root file system is. */
const defaultBundle = (bundle, base) => {
  Fs.mkdirSync(bundle)
  run("runc", ["spec", "--bundle", bundle])
  change(`${bundle}/config.json`, (config) => {
    config.process.terminal = false
    config.process.args = COMMAND
    config.root.path = base
  })
}

/** With the configuration that obuilder gave its runtime, on a plain directory. */
const sameBundle = (bundle, build) => {
  Fs.mkdirSync(bundle)
  const runtime = `${bundle}/runtime`
  Fs.writeFileSync(runtime, copyingRuntime(bundle), { mode: 0o755 })
  run(OBUILDER, buildWords({ ...build, tag: "same" }, `--runtime=${runtime}`))
  change(`${bundle}/config.json`, (config) => {
    config.root.path = build.base
    for (const mount of config.mounts) if (mount.type === "bind") mount.source = `${bundle}/hosts`
  })
}

/** A runtime that keeps what it is given: the configuration, and `hosts`, which is bound into the container. */
const copyingRuntime = (bundle) => `#!/bin/sh
last=
for word; do
  if [ "$last" = --bundle ]; then cp "$word/config.json" "$word/hosts" '${bundle}/'; fi
  last=$word
done
exec runc "$@"
`

const change = (file, edit) => {
  const config = JSON.parse(Fs.readFileSync(file, "utf8"))
  edit(config)
  Fs.writeFileSync(file, JSON.stringify(config))
}
