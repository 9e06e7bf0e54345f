/** Programs that are measured from their start to their end. */
import { spawnSync } from "node:child_process"
import { readFileSync, rmSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { timed } from "./measure.mjs"

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))

export const OBUILDER = path("../bin/obuilder")

const PEAK_HOOK = path("peak-hook.cjs")

/** Node reads a further file of certificates at every start where this is set, which is not what is measured. */
const environment = () => {
  const { NODE_EXTRA_CA_CERTS: _certificates, ...others } = process.env
  return others
}

/** Runs a program and throws where it fails. */
export const run = (program, args, env = {}) => {
  const { error, status, signal, stderr } = spawnSync(program, args, {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...environment(), ...env }
  })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${signal ?? `status ${status}`}\n${stderr}`)
}

/** What a program takes from its start to its end. */
export const timeOf = (program, args, env) => timed(() => run(program, args, env))

/** What a Node program has in memory at its worst: its peak resident set, in megabytes (10^6 bytes). */
export const peakOf = (program, args, scratch) => {
  const file = `${scratch}/peak`
  rmSync(file, { force: true })
  run(program, args, { NODE_OPTIONS: `--require=${PEAK_HOOK}`, OBUILDER_BENCH_PEAK: file })
  return (Number(readFileSync(file, "utf8")) * 1024) / 1e6
}

/** Waits until what was written so far is on the disk, so that nobody pays for another's writing. */
export const settle = (directory) => run("sync", ["-f", directory])
