/** A build of 200 steps that the store has all of: what it takes to find that out. */
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import { fileURLToPath } from "node:url"
import { open } from "./engine.mjs"
import { time, timed } from "./measure.mjs"
import { run, OBUILDER } from "./processes.mjs"

const STEPS = 200
const TARGET = 20

/** Every tenth step copies, the others run. */
const specOf = (base) => {
  const steps = Array.from({ length: STEPS }, (_, index) =>
    index % 10 === 9 ? `(copy (src file) (dst /data/file-${index}))` : `(run (shell "true ${index}"))`
  )
  return `((from rootfs:${base}) (shell /bin/sh -c)\n${steps.join("\n")})\n`
}

export const measure = async ({ scratch, base, rounds }) => {
  const directory = `${scratch}/cached`
  const options = {
    store: `${directory}/store`,
    source: `${directory}/source`,
    memo: `${directory}/hashes`,
    spec: specOf(base)
  }
  Fs.mkdirSync(options.source, { recursive: true })
  Fs.writeFileSync(`${options.source}/file`, "content\n")
  Fs.writeFileSync(`${directory}/spec`, options.spec)
  run(OBUILDER, ["build", `--store=overlayfs:${options.store}`, "-f", `${directory}/spec`, options.source])

  const fresh = []
  for (let round = 0; round < rounds(15); round++) fresh.push(firstTime(options))
  const again = []
  const engine = open(options)
  try {
    for (let round = 0; round < 20; round++) await engine.build(options.spec)
    for (let round = 0; round < rounds(200); round++) again.push(await timed(() => engine.build(options.spec)))
  } finally {
    await engine.close()
  }
  const figure = (name, times) =>
    time({
      name: `a cached build of ${STEPS} steps, inside one process: ${name}`,
      times,
      target: TARGET
    })
  return [figure("once warm", again), figure("its first time", fresh)]
}

const firstTime = (options) => {
  const file = fileURLToPath(import.meta.url)
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, JSON.stringify(options)], { encoding: "utf8" })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}

/** In the fresh process: all modules are loaded, nothing has been called. */
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const options = JSON.parse(process.argv[2])
  const engine = open(options)
  process.stdout.write(JSON.stringify(await timed(() => engine.build(options.spec))))
  await engine.close()
}
