/**
 * Copying the source directory, beside `tar | tar` of the same files on the
 * same file system: into a fresh store, and again when nothing has changed.
 *
 * OBuilder was measured on another machine, as multiples of what `tar | tar`
 * takes there: 10,000 small files in 2.2 s and unchanged in 0.54 s of 0.33 s,
 * one file of 500 MB in 12.6 s and 4.4 s of 1.6 s. The targets are half of its
 * multiples, and a tenth of those for what is unchanged.
 */
import * as Fs from "node:fs"
import { build, open } from "./engine.mjs"
import { COPY_ALL, makeLargeFile, makeSmallFiles } from "./fixtures.mjs"
import { alternate, ratio, timed } from "./measure.mjs"
import { OBUILDER, settle, timeOf } from "./processes.mjs"

const TAR = "tar | tar"

export const measure = async ({ scratch, rounds }) => {
  const directory = `${scratch}/copy`
  Fs.mkdirSync(directory)
  const spec = `${directory}/spec`
  Fs.writeFileSync(spec, COPY_ALL)
  const small = `${directory}/small`
  makeSmallFiles(small)
  const figures = await compare({
    name: "10,000 small files",
    directory,
    source: small,
    spec,
    rounds: rounds(9),
    cold: 2.2 / 0.33 / 2,
    unchanged: 0.54 / 0.33 / 10
  })
  Fs.rmSync(small, { recursive: true })
  const large = `${directory}/large`
  makeLargeFile(large)
  const others = await compare({
    name: "one file of 500 MB",
    directory,
    source: large,
    spec,
    rounds: rounds(7),
    cold: 12.6 / 1.6 / 2,
    unchanged: 4.4 / 1.6 / 10
  })
  return [...figures, ...others]
}

const compare = async ({ name, directory, source, spec, rounds, cold, unchanged }) => {
  const target = `${directory}/target`
  const store = `${directory}/store`
  const options = { store, source, memo: `${store}/hashes/bench`, spec: COPY_ALL }
  const words = ["build", `--store=overlayfs:${store}`, "-f", spec, source]
  const clear = (path) => {
    Fs.rmSync(path, { recursive: true, force: true })
    settle(directory)
  }
  const inProcess = async () => {
    const runtime = open(options)
    const time = await timed(() => build(runtime, options))
    await runtime.dispose()
    return time
  }
  const times = await alternate(
    {
      [TAR]: () => {
        clear(target)
        Fs.mkdirSync(target)
        const time = timeOf("sh", ["-c", `tar cf - -C '${source}' . | tar xf - -C '${target}'`])
        Fs.rmSync(target, { recursive: true })
        return time
      },
      "cold, process": () => {
        clear(store)
        return timeOf(OBUILDER, words)
      },
      "unchanged, process": () => timeOf(OBUILDER, words),
      "cold, engine": () => {
        clear(store)
        return inProcess()
      },
      "unchanged, engine": inProcess
    },
    { rounds }
  )
  clear(store)
  const figure = (title, of, goal) => ratio({ name: `${name}: ${title}`, times, of, to: TAR, target: goal })
  return [
    figure("copied, the whole process", "cold, process", cold),
    figure("copied, inside one process", "cold, engine", cold),
    figure("unchanged, the whole process", "unchanged, process", unchanged),
    figure("unchanged, inside one process", "unchanged, engine", unchanged)
  ]
}
