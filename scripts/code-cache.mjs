// Usage: node scripts/code-cache.mjs DIST
// Writes DIST/obuilder.cache: V8's code for DIST/obuilder.cjs, with the
// functions that a short command calls, and no others: all of them are loaded
// at every start. So a first process builds, and a second one, which finds
// everything cached, has its code written down.
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { Script } from "node:vm"

const [, program, dist, prepared] = process.argv
const file = resolve(dist, "obuilder.cjs")

const context = (directory) => join(directory, "source")
const storeWord = (directory) => `--store=overlayfs:${join(directory, "store")}`
const buildWords = (directory) => ["build", storeWord(directory), "-f", join(directory, "spec"), context(directory)]

/** Runs `use` with a directory that has a small spec and what it builds. */
const withExample = async (use) => {
  const directory = mkdtempSync(join(tmpdir(), "obuilder-cache-"))
  try {
    mkdirSync(join(context(directory), "rootfs"), { recursive: true })
    for (const name of ["file", "rootfs/file"]) writeFileSync(join(context(directory), name), "content\n")
    writeFileSync(
      join(directory, "spec"),
      `((build dev ((from scratch) (copy (src .) (dst /a/))))
        (from rootfs:rootfs) (workdir /w) (env A b)
        (copy (src file) (dst ./)) (copy (from (build dev)) (src /a) (dst /c/)))`
    )
    // Steps that run something are only planned here: to execute them would take a runtime, and rights.
    writeFileSync(
      join(directory, "planned"),
      `((from rootfs:rootfs) (shell /bin/sh -c) (user (uid 1) (gid 2))
        (run (shell "true")) (run (cache (c (target /c))) (network host) (shell "false")))`
    )
    await use(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Runs the program in this process, and gives its exit status. */
const run = (script, words) =>
  new Promise((done) => {
    process.argv = [process.execPath, "obuilder", ...words]
    process.exit = done
    const main = { exports: {} }
    script.runInThisContext().call(main.exports, main.exports, createRequire(file), main, file, resolve(dist))
  })

const writeCache = async (directory) => {
  const exit = process.exit
  // As bin/obuilder has it.
  const source = readFileSync(file, "latin1")
  const strange = source.search(/[^\0-\x7f]/)
  if (strange >= 0) throw new Error(`${file} is not ASCII: ${JSON.stringify(source.slice(strange - 40, strange + 20))}`)
  Error.stackTraceLimit = 0
  const script = new Script(source, { filename: file })
  await run(script, ["--help"])
  await run(script, ["build", "--dry-run", storeWord(directory), "-f", join(directory, "planned"), context(directory)])
  // Without root this fails, having compiled most of its way by then.
  await run(script, buildWords(directory))
  writeFileSync(resolve(dist, "obuilder.cache"), script.createCachedData())
  exit(0)
}

if (prepared !== undefined) await writeCache(prepared)
else {
  await withExample(async (directory) => {
    spawnSync(process.execPath, [resolve(dist, "../bin/obuilder"), ...buildWords(directory)], { stdio: "ignore" })
    const { status } = spawnSync(process.execPath, [program, dist, directory], {
      stdio: ["ignore", "ignore", "inherit"]
    })
    process.exitCode = status ?? 1
  })
}
