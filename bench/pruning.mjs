/** Pruning 100, 1,000 and 10,000 tiny results on every kind of store: what one of them costs. */
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import { Digest, LifeCycle, Store } from "../dist/lib/index.js"
import { onEach } from "./disks.mjs"
import { absolute, median, timed } from "./measure.mjs"

const SIZES = [100, 1000, 10_000]
/** Results in a row, each built on the one before. */
const CHAIN = 10
/** The cost of one among the most over that of one among fewer: it is not to grow. */
const GROWTH = 1.25

const idOf = (name) => Digest.stepId(Digest.sha256(name))
const quiet = { removed: () => Effect.void, measured: () => Effect.void }
const everything = { keepStorage: Option.some(0), unusedSince: Option.none(), maxItems: Option.none() }

export const measure = ({ scratch, rounds }) =>
  onEach(`${scratch}/pruning`, async ({ layer, most = Number.POSITIVE_INFINITY, name }, directory) => {
    const costs = new Map()
    const sizes = SIZES.filter((size) => size <= most)
    for (const size of sizes) {
      const values = []
      for (let round = 0; round < rounds(size < Math.min(most, 10_000) ? 5 : 1); round++) {
        const within = (effect) => withStore(layer, `${directory}/store`, effect)
        await within(fill(size))
        const { clock } = await timed(() => within(LifeCycle.prune(everything, quiet)))
        values.push(clock / size)
      }
      costs.set(size, values)
    }
    const [few, many] = sizes.slice(-2)
    return [
      ...sizes.map((size) =>
        absolute({
          name: `pruning ${size.toLocaleString("en")} results on ${name}, each`,
          unit: "ms",
          values: costs.get(size)
        })
      ),
      absolute({
        name: `pruning on ${name}: one of ${many.toLocaleString("en")} over one of ${few.toLocaleString("en")}`,
        unit: "×",
        values: costs.get(many).map((value) => value / median(costs.get(few))),
        target: GROWTH
      })
    ]
  })

/** In a process of its own, as far as the store can tell. */
const withStore = async (layer, path, effect) => {
  const runtime = ManagedRuntime.make(layer({ path }))
  try {
    return await runtime.runPromise(effect)
  } finally {
    await runtime.dispose()
  }
}

const fill = (size) =>
  Effect.gen(function* () {
    const store = yield* Store.Store
    for (let index = 0; index < size; index++) {
      const parent = index % CHAIN === 0 ? Option.none() : Option.some(idOf(String(index - 1)))
      yield* Effect.scoped(
        store.build({ id: idOf(String(index)), parent, heading: `step ${index}` }, ({ log }) =>
          log(new TextEncoder().encode("done\n"))
        )
      )
    }
  })
