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
import { open } from "./engine.mjs"
import { COPY_ALL, makeLargeFile, makeSmallFiles } from "./fixtures.mjs"
import { alternate, ratio, timed } from "./measure.mjs"
import { OBUILDER, settle, timeOf } from "./processes.mjs"

const TAR = "tar into tar"

export const measure = async ({ scratch, rounds }) => {
  const directory = `${scratch}/copy`
  const small = `${directory}/small`
  const large = `${directory}/large`
  Fs.mkdirSync(directory)
  Fs.writeFileSync(`${directory}/spec`, COPY_ALL)
  makeSmallFiles(small)
  makeLargeFile(large)
  return [
    ...(await compare({
      name: "10,000 small files",
      directory,
      source: small,
      rounds: rounds(9),
      // ext4 makes files slowly for a minute where as many were deleted before, so they stay until the end.
      discard: () => undefined,
      cold: 2.2 / 0.33 / 2,
      unchanged: 0.54 / 0.33 / 10
    })),
    ...(await compare({
      name: "one file of 500 MB",
      directory,
      source: large,
      rounds: rounds(7),
      discard: (path) => Fs.rmSync(path, { recursive: true }),
      cold: 12.6 / 1.6 / 2,
      unchanged: 4.4 / 1.6 / 10
    }))
  ]
}

const compare = async ({ name, directory, source, rounds, discard, cold, unchanged }) => {
  const work = `${directory}/work`
  const build = (store) => timeOf(OBUILDER, ["build", `--store=overlayfs:${store}`, "-f", `${directory}/spec`, source])
  const buildHere = async (store) => {
    let engine
    const time = await timed(() => {
      engine = open({ store, source, memo: `${store}/hashes/bench` })
      return engine.build(COPY_ALL)
    })
    await engine.close()
    return time
  }
  const processStore = (round) => `${work}/process-${round}`
  const engineStore = (round) => `${work}/engine-${round}`
  Fs.mkdirSync(work)
  const times = await alternate(
    {
      [TAR]: async (round) => {
        const target = `${work}/tar-${round}`
        Fs.mkdirSync(target)
        settle(directory)
        const time = await timeOf("sh", ["-c", `tar cf - -C '${source}' . | tar xf - -C '${target}'`])
        discard(target)
        return time
      },
      "cold, process": (round) => {
        settle(directory)
        return build(processStore(round))
      },
      "cold, engine": (round) => {
        settle(directory)
        return buildHere(engineStore(round))
      },
      "unchanged, process": (round) => build(processStore(round)),
      "unchanged, engine": async (round) => {
        const time = await buildHere(engineStore(round))
        for (const store of [processStore(round), engineStore(round)]) discard(store)
        return time
      }
    },
    { rounds }
  )
  Fs.rmSync(work, { recursive: true })
  const figure = (title, of, target) => ratio({ name: `${name}: ${title}`, times, of, to: TAR, target })
  return [
    figure("copied, the whole process", "cold, process", cold),
    figure("copied, inside one process", "cold, engine", cold),
    figure("unchanged, the whole process", "unchanged, process", unchanged),
    figure("unchanged, inside one process", "unchanged, engine", unchanged)
  ]
}
