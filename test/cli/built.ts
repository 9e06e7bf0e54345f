/** The command as it is packaged, built into a directory of its own. */
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { SHARED } from "../sharedProgram.ts"
import { temporaryDirectory } from "./commandLine.ts"

const root = Path.resolve(import.meta.dirname, "../..")

/** Milliseconds between two looks at a program that another process builds, and until it must have been built. */
const LOOK_MS = 50
const DEADLINE_MS = 120_000

/** The program, with `bin/obuilder` and `dist` in it: built by the first test file that wants it, for all of them. */
export const builtProgram = (): string => {
  const shared = process.env[SHARED]
  if (shared === undefined) return buildProgram(temporaryDirectory())
  const home = Path.join(shared, "program")
  const deadline = Date.now() + DEADLINE_MS
  while (!Fs.existsSync(home)) {
    if (Date.now() > deadline) throw new Error("nobody builds the program: another test file has failed to")
    if (isFirst(Path.join(shared, "building"))) Fs.renameSync(buildProgram(Path.join(shared, "new")), home)
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_MS)
  }
  return home
}

const isFirst = (path: string): boolean => {
  try {
    Fs.mkdirSync(path)
    return true
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false
    throw error
  }
}

/** Builds it into a directory, which is given. */
const buildProgram = (directory: string): string => {
  Fs.mkdirSync(directory, { recursive: true })
  Fs.cpSync(Path.join(root, "bin"), Path.join(directory, "bin"), { recursive: true })
  Fs.symlinkSync(Path.join(root, "node_modules"), Path.join(directory, "node_modules"))
  const dist = Path.join(directory, "dist")
  for (const [script, target] of [
    ["bundle", Path.join(dist, "obuilder.cjs")],
    ["code-cache", dist]
  ] as const) {
    const { status, stderr } = spawnSync(process.execPath, [Path.join("scripts", `${script}.mjs`), target], {
      cwd: root,
      encoding: "utf8"
    })
    if (status !== 0) throw new Error(`scripts/${script}.mjs failed: ${stderr}`)
  }
  return directory
}
