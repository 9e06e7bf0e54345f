/** Runs one target on input after input, and keeps those that take branches in numbers that none took before. */
import { parentPort, workerData } from "node:worker_threads"
import { generator, mutate } from "./mutate.mjs"

const { module, branches, shared, input, seed, kept, longest, deadline } = workerData

const counters = new Uint8Array(branches)
globalThis.branches = counters
const target = await import(module)

/** How often in steps: 1, 2, 3, 4 to 7, 8 to 15, 16 to 31, 32 to 127, and more; counters go round at 256. */
const step = Uint8Array.from({ length: 256 }, (_, count) =>
  count < 4 ? [0, 1, 2, 4][count] : count < 8 ? 8 : count < 16 ? 16 : count < 32 ? 32 : count < 128 ? 64 : 128
)
const seen = new Uint8Array(branches)

const encoder = new TextEncoder()
const words = target.words.map((word) => encoder.encode(word))
const random = generator(seed)
const corpus = []
let slowest = { milliseconds: 0, data: new Uint8Array(0) }

const timed = (data) => {
  const before = counters.slice()
  const begun = performance.now()
  target.fuzz(data)
  counters.set(before)
  return performance.now() - begun
}

const execute = (data) => {
  // The one who watches takes the input from here should this never end.
  input.set(data)
  Atomics.store(shared, 1, data.length)
  Atomics.add(shared, 0, 1)
  counters.fill(0)
  const begun = performance.now()
  try {
    target.fuzz(data)
  } catch (error) {
    parentPort.postMessage({ kind: "failed", data, error: String(error?.stack ?? error) })
    return false
  }
  const milliseconds = performance.now() - begun
  if (milliseconds > slowest.milliseconds) {
    // Once more: the first time something else may have had the processor.
    const again = timed(data)
    if (again > slowest.milliseconds)
      slowest = { milliseconds: Math.min(again, milliseconds), data: Uint8Array.from(data) }
  }
  let fresh = false
  for (let index = 0; index < branches; index++) {
    const bit = step[counters[index]]
    if ((seen[index] & bit) === bit) continue
    seen[index] |= bit
    fresh = true
  }
  if (fresh) corpus.push(Uint8Array.from(data))
  return true
}

const report = (kind) =>
  parentPort.postMessage({
    kind,
    executions: Atomics.load(shared, 0),
    taken: seen.reduce((sum, bits) => sum + (bits === 0 ? 0 : 1), 0),
    corpus: kind === "done" ? corpus : corpus.length,
    slowest
  })

const run = () => {
  for (const text of [...kept, ...target.seeds, ""]) if (!execute(encoder.encode(text))) return
  let told = Date.now()
  while (Date.now() < deadline) {
    for (let round = 0; round < 200; round++) {
      // Half of the time one of the newest, which lead on.
      const newest = Math.min(corpus.length, 20)
      const pick = random(2) === 0 ? corpus.length - 1 - random(newest) : random(corpus.length)
      const other = corpus[random(corpus.length)]
      // Short inputs take little time; now and then a long one shows what takes too much.
      const limit = random(200) === 0 ? longest : 2000
      if (!execute(mutate(corpus[pick], other, words, random, limit))) return
    }
    if (Date.now() - told < 10_000) continue
    told = Date.now()
    report("progress")
  }
  report("done")
}

run()
