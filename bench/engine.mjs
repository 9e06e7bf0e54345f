/** Builds in this process, with the library as it is published. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import {
  Engine,
  HashMemo,
  LocalBaseImages,
  Observe,
  OciRuntimeSandbox,
  OverlayfsStore,
  Planner,
  SourceDirectory,
  SpecText
} from "../dist/lib/index.js"

/** What builds from one source directory into one store; to be disposed of. */
export const open = ({ store, source }) => {
  const services = Layer.mergeAll(
    OverlayfsStore.layer({ path: store }),
    OciRuntimeSandbox.layer(),
    LocalBaseImages.layer({ sourceDirectory: source })
  )
  return ManagedRuntime.make(Layer.provideMerge(Engine.Engine.layer, services))
}

/** What comes before the steps: the spec is read, the world observed, the plan made. */
const prepared = ({ spec, source, memo }) =>
  Effect.gen(function* () {
    const parsed = yield* SpecText.parse(spec, { file: "bench.spec" })
    const context = yield* SourceDirectory.make({ path: source, memo })
    const inputs = yield* Observe.observe(parsed.spec, context)
    const plan = yield* Planner.plan(parsed.spec, inputs)
    return { plan, inputs, context }
  })

const request = (plan) => ({ ...plan, secrets: new Map(), jobs: 2, onEvent: () => Effect.void })

/** Plans and builds a spec, from its text on. `memo` names the file that digests of the source are kept in. */
export const build = (runtime, { spec, source, memo }) =>
  runtime.runPromise(
    Effect.gen(function* () {
      const known = new HashMemo.HashMemo(memo)
      const plan = yield* prepared({ spec, source, memo: known })
      const engine = yield* Engine.Engine
      yield* engine.build(request(plan))
      known.save()
    })
  )

/** Plans a spec and gives what executes the plan, for measuring that alone. */
export const prepare = async (runtime, { spec, source }) => {
  const plan = await runtime.runPromise(prepared({ spec, source }))
  return () => runtime.runPromise(Effect.flatMap(Engine.Engine, (engine) => engine.build(request(plan))))
}
