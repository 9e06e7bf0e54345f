/** Cached builds of a store in a Docker engine, beside the same builds of a store on overlayfs. */
import * as Fs from "node:fs"
import { engines, serveDocker } from "./dockerEngine.mjs"
import { runSteps } from "./fixtures.mjs"
import { alternate, ratio } from "./measure.mjs"
import { OBUILDER, run, timeOf } from "./processes.mjs"

const TARGET = 2
const OVERLAYFS = "overlayfs"

export const measure = async ({ scratch, base, rounds }) => {
  const found = engines()
  if (found.length === 0) throw new Error('The benchmark "docker" needs dockerd.')
  const directory = `${scratch}/docker`
  Fs.mkdirSync(`${directory}/source`, { recursive: true })
  const figures = []
  for (const [index, kind] of found.entries()) {
    const engine = await serveDocker(`${directory}/${index}`, kind)
    try {
      for (const steps of [10, 200]) {
        const spec = `${directory}/spec-${steps}`
        Fs.writeFileSync(spec, runSteps(base, steps, "docker"))
        const words = (store) => ["build", "-q", `--store=${store}`, "-f", spec, `${directory}/source`]
        const here = words(`overlayfs:${directory}/store`)
        const there = words(`docker:${directory}/${index}/store`)
        run(OBUILDER, here)
        run(OBUILDER, there, engine.environment)
        const times = await alternate(
          {
            [OVERLAYFS]: () => timeOf(OBUILDER, here),
            [kind.name]: () => timeOf(OBUILDER, there, engine.environment)
          },
          { rounds: rounds(20), warmUp: 2 }
        )
        const name = `a cached build of ${steps} steps: ${kind.name}`
        // What the engine does is not in the processor time.
        figures.push({ ...ratio({ name, times, of: kind.name, to: OVERLAYFS, target: TARGET }), processor: undefined })
      }
    } finally {
      await engine.stop()
    }
  }
  return figures
}
