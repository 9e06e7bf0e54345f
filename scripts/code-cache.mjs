// Writes dist/obuilder.cache: V8's code for dist/obuilder.cjs, made after a few
// typical commands, so that it has what those compile on their way.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { Script } from "node:vm"

const file = resolve("dist/obuilder.cjs")
const source = readFileSync(file, "latin1")
const stranger = source.search(/[^\0-\x7f]/)
if (stranger >= 0) throw new Error(`${file} is not ASCII: ${JSON.stringify(source.slice(stranger - 40, stranger + 20))}`)

// As bin/obuilder has it.
Error.stackTraceLimit = 0
const script = new Script(source, { filename: file })

const realExit = process.exit
/** Runs the program in this process, and gives its exit status. */
const obuilder = (...words) =>
  new Promise((done) => {
    process.argv = [process.execPath, "obuilder", ...words]
    process.exit = done
    const main = { exports: {} }
    script.runInThisContext().call(main.exports, main.exports, createRequire(file), main, file, resolve("dist"))
  })

const directory = mkdtempSync(join(tmpdir(), "obuilder-cache-"))
try {
  const context = join(directory, "source")
  mkdirSync(context)
  writeFileSync(join(context, "file"), "content\n")
  const spec = join(directory, "spec")
  const steps = ['(workdir /a)', '(env A b)', '(copy (src file) (dst ./))', '(copy (src .) (dst /b/))']
  writeFileSync(spec, `((build dev ((from scratch) (copy (src .) (dst /)))) (from scratch) ${steps.join(" ")}
    (copy (from (build dev)) (src /file) (dst /c)))`)
  const build = ["build", `--store=overlayfs:${join(directory, "store")}`, "-f", spec]
  await obuilder("--help")
  // Without root this fails, and has compiled most of its way by then.
  for (let count = 0; count < 3; count++) await obuilder(...build, context)
  writeFileSync(spec, `((from scratch) ${steps.join(" ")} (run (shell true)))`)
  await obuilder(...build, "--dry-run", context)
} finally {
  rmSync(directory, { recursive: true, force: true })
}
writeFileSync("dist/obuilder.cache", script.createCachedData())
realExit(0)
