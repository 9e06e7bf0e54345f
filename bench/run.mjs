/**
 * `npm run bench [-- NAME…]`: measures, and writes `RESULTS.md` when all of it
 * was measured. BENCH_DIR is where to work (a directory on the file system that
 * is to be measured), BENCH_ROUNDS a factor for the number of rounds.
 */
import { accessSync } from "node:fs"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { makeBase } from "./fixtures.mjs"
import { describe } from "./machine.mjs"
import { document, line } from "./report.mjs"

/** Loaded when it is its turn: the library is part of what some measure. */
const benchmarks = {
  startUp: () => import("./startUp.mjs"),
  runSteps: () => import("./runSteps.mjs"),
  cachedBuild: () => import("./cachedBuild.mjs"),
  copies: () => import("./copies.mjs"),
  memory: () => import("./memory.mjs"),
  stores: () => import("./stores.mjs"),
  pruning: () => import("./pruning.mjs"),
  pull: () => import("./pull.mjs"),
  docker: () => import("./docker.mjs"),
  others: () => import("./others.mjs")
}

const here = new URL(".", import.meta.url).pathname

const isThere = (path) => {
  try {
    accessSync(path)
    return true
  } catch {
    return false
  }
}

const missing = [
  ...(process.geteuid?.() === 0 ? [] : ["root"]),
  ...["runc", "busybox", "tar"].filter(
    (program) => !(process.env.PATH ?? "").split(delimiter).some((directory) => isThere(join(directory, program)))
  ),
  ...(isThere(join(here, "../dist/obuilder.cjs")) ? [] : ["what `npm run build` makes"])
]
const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in benchmarks))
if (missing.length > 0 || unknown.length > 0) {
  for (const one of missing) console.error(`The benchmarks need ${one}.`)
  for (const one of unknown)
    console.error(`There is no benchmark ${one}: there are ${Object.keys(benchmarks).join(", ")}.`)
  process.exit(2)
}

const factor = Number(process.env.BENCH_ROUNDS ?? 1)
const rounds = (count) => Math.max(1, Math.round(count * factor))
const parent = process.env.BENCH_DIR ?? tmpdir()
const machine = describe(parent)
const scratch = Fs.mkdtempSync(join(parent, "obuilder-bench-"))
process.once("exit", () => Fs.rmSync(scratch, { recursive: true, force: true }))
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1))

const base = `${scratch}/base`
makeBase(base)
const figures = []
for (const [name, load] of Object.entries(benchmarks)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  const { measure } = await load()
  for (const figure of await measure({ scratch, base, rounds })) {
    console.log(line(figure))
    figures.push(figure)
  }
}
if (wanted.length === 0) Fs.writeFileSync(join(here, "RESULTS.md"), document({ machine, figures }))
