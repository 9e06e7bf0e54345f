/** Programs that are measured from their start to their end. */
import { spawnSync } from "node:child_process"
import { readFileSync, rmSync } from "node:fs"
import { fileURLToPath } from "node:url"

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))

export const OBUILDER = path("../bin/obuilder")

const PEAK_HOOK = path("peak-hook.cjs")

/** Node reads a further file of certificates at every start where this is set, which is not what is measured. */
const { NODE_EXTRA_CA_CERTS: _certificates, ...environment } = process.env

/** Runs a program and throws where it fails. */
export const run = (program, args, { env = {}, input } = {}) => {
  const { error, status, signal, stderr } = spawnSync(program, args, {
    stdio: [input === undefined ? "ignore" : "pipe", "ignore", "pipe"],
    input,
    env: { ...environment, ...env }
  })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${signal ?? `status ${status}`}\n${stderr}`)
}

/** Milliseconds from a program's start to its end. */
export const timeOf = (program, args) => {
  const start = performance.now()
  run(program, args)
  return performance.now() - start
}

/** What a Node program has in memory at its worst: its peak resident set, in megabytes (10^6 bytes). */
export const peakOf = (program, args, scratch) => {
  const file = `${scratch}/peak`
  rmSync(file, { force: true })
  run(program, args, { env: { NODE_OPTIONS: `--require=${PEAK_HOOK}`, OBUILDER_BENCH_PEAK: file } })
  return (Number(readFileSync(file, "utf8")) * 1024) / 1e6
}

/** Waits until what was written so far is on the disk, so that nobody pays for another's writing. */
export const settle = (directory) => run("sync", ["-f", directory])
