// Builds `dist/`: the library as modules with their types, and the command as
// one file that starts fast.
import { spawnSync } from "node:child_process"
import { rmSync } from "node:fs"
import { fileURLToPath } from "node:url"

process.chdir(fileURLToPath(new URL("..", import.meta.url)))

const run = (command, ...args) => {
  const { error, status } = spawnSync(command, args, { stdio: "inherit" })
  if (error !== undefined) throw error
  if (status !== 0) process.exit(status ?? 1)
}

rmSync("dist", { recursive: true, force: true })
run(process.execPath, "node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json")
run(process.execPath, "scripts/bundle.mjs", "dist/obuilder.cjs")
run(process.execPath, "scripts/code-cache.mjs", "dist")
