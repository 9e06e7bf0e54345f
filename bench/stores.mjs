/**
 * 20 cold `run` steps on every kind of store, beside the floor of each: 20 times
 * a copy of the same tree, made by the file system's own tool as that kind makes
 * it, and a bare `runc run` on that copy, one after the other, by a shell.
 */
import * as Fs from "node:fs"
import { onEach } from "./disks.mjs"
import { open } from "./engine.mjs"
import { runSteps } from "./fixtures.mjs"
import { alternate, ratio, timed } from "./measure.mjs"
import { run, timeOf } from "./processes.mjs"

const STEPS = 20

export const measure = ({ scratch, base, rounds }) =>
  onEach(`${scratch}/stores`, async ({ clone, layer, name, prepare }, directory) => {
    const [store, source, tree] = ["store", "source", "tree"].map((one) => `${directory}/${one}`)
    Fs.mkdirSync(source)
    shell(prepare, base, tree)
    bundleFor(`${directory}/bundle`)
    const engine = open({ store, source, layer })
    try {
      await engine.build(runSteps(base, 1, "first"))
      const floor = `the floor of ${name}`
      const times = await alternate(
        {
          [floor]: (round) => {
            const copies = `${directory}/copies-${round}`
            Fs.mkdirSync(copies)
            return timeOf("sh", ["-c", loop(clone, tree, copies, `${directory}/bundle`), "sh"])
          },
          [name]: async (round) => timed(await engine.prepare(runSteps(base, STEPS, `round ${round}`)))
        },
        { rounds: rounds(7) }
      )
      return [ratio({ name: `20 cold \`run\` steps on ${name}`, times, of: name, to: floor })]
    } finally {
      await engine.close()
    }
  })

const shell = (command, from, to) => run("sh", ["-c", command, "sh", from, to])

const loop = (clone, tree, copies, bundle) =>
  `n=0
  while [ $n -lt ${STEPS} ]; do
    n=$((n+1))
    set -- '${tree}' '${copies}'/$n
    ${clone} || exit
    [ -e "$2/bin" ] || set -- '${tree}' '${tree}'
    sed "s|ROOTFS|$2|" '${bundle}/config.template' > '${bundle}/config.json'
    runc run --bundle '${bundle}' obuilder-bench-${process.pid} || exit
  done`

/** As \`runc spec\` makes it, but for the command, the terminal and where the root file system is. */
const bundleFor = (bundle) => {
  Fs.mkdirSync(bundle)
  run("runc", ["spec", "--bundle", bundle])
  const config = JSON.parse(Fs.readFileSync(`${bundle}/config.json`, "utf8"))
  config.process.terminal = false
  config.process.args = ["/bin/sh", "-c", "true"]
  config.root.path = "ROOTFS"
  Fs.writeFileSync(`${bundle}/config.template`, JSON.stringify(config))
}
