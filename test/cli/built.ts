/** The command as it is packaged, built into a directory of its own. */
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { temporaryDirectory } from "./commandLine.ts"

const root = Path.resolve(import.meta.dirname, "../..")

/** Builds it; what is returned has `bin/obuilder` and `dist` in it. */
export const buildProgram = (directory: string = temporaryDirectory()): string => {
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
