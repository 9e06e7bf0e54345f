/** What it takes to start, beside a Node that does nothing. */
import * as Fs from "node:fs"
import { runSteps } from "./fixtures.mjs"
import { alternate, ratio } from "./measure.mjs"
import { OBUILDER, run, timeOf } from "./processes.mjs"

const STEPS = 10
const TARGET = 2.5
const NODE = "node -e 0"

export const measure = async ({ scratch, base, rounds }) => {
  const directory = `${scratch}/start`
  Fs.mkdirSync(`${directory}/source`, { recursive: true })
  Fs.writeFileSync(`${directory}/spec`, runSteps(base, STEPS, "start"))
  const words = ["build", `--store=overlayfs:${directory}/store`, "-f", `${directory}/spec`, `${directory}/source`]
  run(OBUILDER, words)
  const times = await alternate(
    {
      [NODE]: () => timeOf(process.execPath, ["-e", "0"]),
      "obuilder --help": () => timeOf(OBUILDER, ["--help"]),
      "obuilder build": () => timeOf(OBUILDER, words)
    },
    { rounds: rounds(40), warmUp: 3 }
  )
  return [
    ratio({ name: "start-up: `obuilder --help`", times, of: "obuilder --help", to: NODE, target: TARGET }),
    ratio({ name: `start-up: a cached build of ${STEPS} steps`, times, of: "obuilder build", to: NODE, target: TARGET })
  ]
}
