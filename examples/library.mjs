// Builds a spec with the library, as root:
//
//   node examples/library.mjs SPEC DIR STORE
//
// Prints what happens, and the result's id at the end.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { readFileSync } from "node:fs"
import {
  Engine,
  LocalBaseImages,
  Observe,
  OciRuntimeSandbox,
  OverlayfsStore,
  Planner,
  SourceDirectory,
  SpecText
} from "obuilder"

const [, , file, directory, store] = process.argv
if (store === undefined) {
  process.stderr.write("usage: node examples/library.mjs SPEC DIR STORE\n")
  process.exit(2)
}

const build = Effect.gen(function* () {
  const { spec } = yield* SpecText.parse(readFileSync(file, "utf8"), { file })
  const context = yield* SourceDirectory.make({ path: directory })
  const inputs = yield* Observe.observe(spec, context)
  // Pure: the same spec and inputs always give the same plan.
  const plan = yield* Planner.plan(spec, inputs)
  const engine = yield* Engine.Engine
  return yield* engine.build({
    plan,
    inputs,
    context,
    secrets: new Map(),
    jobs: 2,
    onEvent: (event) => (event._tag === "Heading" ? Console.log(event.text) : Effect.void)
  })
})

const services = Layer.mergeAll(
  OverlayfsStore.layer({ path: store }),
  OciRuntimeSandbox.layer(),
  LocalBaseImages.layer({ sourceDirectory: directory })
)

build.pipe(
  Effect.flatMap(({ id }) => Console.log(id)),
  Effect.provide(Layer.provideMerge(Engine.Engine.layer, services)),
  NodeRuntime.runMain
)
