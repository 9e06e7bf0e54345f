/**
 * Looks for inputs that a part of obuilder fails on or takes long for:
 *
 *     node test/fuzz/run.mjs TARGET SECONDS [SEED]
 *     node test/fuzz/run.mjs TARGET --replay FILE
 *
 * Inputs that take new branches are kept and changed further. With `--keep` after the seed, the fewest inputs that take
 * all branches that were taken are added to `corpus/TARGET.json`, which the tests replay.
 */
import { build } from "esbuild"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { Worker } from "node:worker_threads"
import { instrument } from "./instrument.mjs"

/** An input that takes longer than this is taken to take for ever. */
const patience = 5000
const longest = 1 << 16

const here = Path.dirname(fileURLToPath(import.meta.url))
const work = Path.join(here, ".work")
const targets = Fs.readdirSync(Path.join(here, "targets"))
  .map((name) => name.replace(/\.ts$/, ""))
  .filter((name) => name !== "Target")

const [name, amount, third, keep] = process.argv.slice(2)
if (!targets.includes(name) || amount === undefined || (amount === "--replay" && third === undefined)) {
  console.error(`usage: node test/fuzz/run.mjs TARGET SECONDS [SEED [--keep]]
       node test/fuzz/run.mjs TARGET --replay FILE
targets: ${targets.join(", ")}`)
  process.exit(2)
}

/** The target with all of obuilder that it uses in one module, counters in it; libraries stay outside. */
const prepare = async () => {
  const { outputFiles } = await build({
    entryPoints: [Path.join(here, "targets", `${name}.ts`)],
    bundle: true,
    packages: "external",
    format: "esm",
    platform: "node",
    target: "node20",
    write: false,
    logLevel: "error"
  })
  const { code, branches } = instrument(outputFiles[0].text)
  Fs.mkdirSync(work, { recursive: true })
  const file = Path.join(work, `${name}.mjs`)
  Fs.writeFileSync(file, code)
  return { module: pathToFileURL(file).href, branches }
}

const { module, branches } = await prepare()

if (amount === "--replay") {
  globalThis.branches = new Uint8Array(branches)
  const { fuzz } = await import(module)
  const begun = performance.now()
  fuzz(Fs.readFileSync(third))
  console.log(`fine, in ${Math.round(performance.now() - begun)} ms`)
  process.exit()
}

const saved = (data, what) => {
  const digest = Crypto.createHash("sha256").update(data).digest("hex").slice(0, 12)
  const file = Path.join(work, `${name}-${what}-${digest}`)
  Fs.writeFileSync(file, data)
  return Path.relative(process.cwd(), file)
}

const found = (data, what, error) => {
  const file = saved(data, what)
  console.error(`${error}\n${what}; again by: node test/fuzz/run.mjs ${name} --replay ${file}`)
  process.exit(1)
}

const corpusFile = Path.join(here, "corpus", `${name}.json`)
const kept = Fs.existsSync(corpusFile) ? JSON.parse(Fs.readFileSync(corpusFile, "utf8")) : []
const seconds = Number(amount)
const seed = third === undefined ? Crypto.randomInt(2 ** 31) : Number(third)
const shared = new Int32Array(new SharedArrayBuffer(8))
const input = new Uint8Array(new SharedArrayBuffer(longest))
const deadline = Date.now() + seconds * 1000
console.log(`${name}: ${seconds} s, seed ${seed}, ${branches} branches`)

const worker = new Worker(new URL("worker.mjs", import.meta.url), {
  workerData: { module, branches, shared, input, seed, kept, longest, deadline }
})

const tell = ({ executions, taken, corpus, slowest }) =>
  console.log(
    `${executions} executions, ${taken} of ${branches} branches, ${corpus.length ?? corpus} inputs kept, slowest ${Math.round(slowest.milliseconds)} ms (${slowest.data.length} bytes)`
  )

let last = { executions: -1, since: Date.now() }
const watch = setInterval(() => {
  const executions = Atomics.load(shared, 0)
  if (executions !== last.executions) last = { executions, since: Date.now() }
  else if (executions > 0 && Date.now() - last.since > patience) {
    found(Uint8Array.from(input.subarray(0, Atomics.load(shared, 1))), "hang", `no end after ${patience / 1000} s`)
  }
}, 500)

worker.on("error", (error) => {
  found(Uint8Array.from(input.subarray(0, Atomics.load(shared, 1))), "crash", error.stack)
})
worker.on("message", async (message) => {
  if (message.kind === "failed") found(message.data, "failed", message.error)
  tell(message)
  if (message.kind !== "done") return
  clearInterval(watch)
  if (message.slowest.milliseconds > 1000) console.log(`the slowest: ${saved(message.slowest.data, "slow")}`)
  if (keep === "--keep") await keepFew(message.corpus)
})

/** Adds to the corpus, short inputs first, what takes a branch that none before it takes. */
const keepFew = async (corpus) => {
  const counters = new Uint8Array(branches)
  globalThis.branches = counters
  const { fuzz } = await import(module)
  const texts = new Set(corpus.map((data) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(data)))
  for (const text of kept) texts.delete(text)
  const covered = new Set()
  const coversMore = (text) => {
    counters.fill(0)
    fuzz(new TextEncoder().encode(text))
    const before = covered.size
    for (const [index, count] of counters.entries()) if (count > 0) covered.add(index)
    return covered.size > before
  }
  // Those that are there stay: a bug may have been found by one.
  for (const text of kept) coversMore(text)
  const shortest = [...texts]
    .filter((text) => text.length <= 1000)
    .sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
  const few = [...kept, ...shortest.filter(coversMore)]
  Fs.writeFileSync(corpusFile, `${JSON.stringify(few, null, 2)}\n`)
  console.log(`${few.length} inputs in ${Path.relative(process.cwd(), corpusFile)}`)
}
