/** How much memory is taken at most where files are large. */
import * as Fs from "node:fs"
import { COPY_ALL, makeLargeFile } from "./fixtures.mjs"
import { absolute } from "./measure.mjs"
import { OBUILDER, peakOf, run } from "./processes.mjs"

const TARGET = 150

export const measure = ({ scratch, rounds }) => {
  const directory = `${scratch}/memory`
  const source = `${directory}/source`
  const store = `${directory}/store`
  makeLargeFile(source)
  run("tar", ["cf", `${directory}/base.tar`, "-C", source, "."])
  Fs.writeFileSync(`${directory}/copy`, COPY_ALL)
  Fs.writeFileSync(`${directory}/unpack`, `((from rootfs:${directory}/base.tar))\n`)
  const build = (spec) => ["build", "-q", `--store=overlayfs:${store}`, "-f", `${directory}/${spec}`, source]
  const exported = () => [
    "export",
    Fs.readdirSync(`${store}/results`)[0],
    `--store=overlayfs:${store}`,
    "--format=tar",
    "-o",
    `${directory}/out`
  ]

  const values = { copy: [], unpack: [], export: [] }
  for (let round = 0; round < rounds(3); round++) {
    Fs.rmSync(store, { recursive: true, force: true })
    values.copy.push(peakOf(OBUILDER, build("copy"), directory))
    Fs.rmSync(store, { recursive: true, force: true })
    values.unpack.push(peakOf(OBUILDER, build("unpack"), directory))
    values.export.push(peakOf(OBUILDER, exported(), directory))
  }
  const figure = (name, of) =>
    absolute({ name: `peak memory: ${name}`, unit: "MB", values: values[of], target: TARGET })
  return [
    figure("copying a file of 500 MB", "copy"),
    figure("unpacking a base with a file of 500 MB, a tar", "unpack"),
    figure("exporting that", "export")
  ]
}
