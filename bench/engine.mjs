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

/**
 * What builds from one source directory into one store. `memo` names the file
 * that digests of the source's files are kept in; it is read here.
 */
export const open = ({ store, source, memo, layer = OverlayfsStore.layer }) => {
  const known = new HashMemo.HashMemo(memo)
  const services = Layer.mergeAll(
    layer({ path: store }),
    OciRuntimeSandbox.layer(),
    LocalBaseImages.layer({ sourceDirectory: source, memo: known })
  )
  const runtime = ManagedRuntime.make(Layer.provideMerge(Engine.Engine.layer, services))

  /** The spec is read, the world observed, the plan made. */
  const prepared = (spec) =>
    Effect.gen(function* () {
      const parsed = yield* SpecText.parse(spec, { file: "bench.spec" })
      const context = yield* SourceDirectory.make({ path: source, memo: known })
      const inputs = yield* Observe.observe(parsed.spec, context)
      const plan = yield* Planner.plan(parsed.spec, inputs)
      return { plan, inputs, context, secrets: new Map(), jobs: 2, onEvent: () => Effect.void }
    })
  const execute = (request) => Effect.flatMap(Engine.Engine, (engine) => engine.build(request))

  return {
    /** Builds a spec, from its text on. */
    build: (spec) => runtime.runPromise(Effect.flatMap(prepared(spec), execute)),
    /** Plans a spec and gives what executes the plan, so that only that is measured. */
    prepare: async (spec) => {
      const request = await runtime.runPromise(prepared(spec))
      return () => runtime.runPromise(execute(request))
    },
    close: async () => {
      await runtime.dispose()
      if (memo !== undefined) known.save(memo)
    }
  }
}
