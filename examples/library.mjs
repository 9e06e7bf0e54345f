// Builds a spec with the library, as root:
//
//   node examples/library.mjs SPEC DIR STORE
//
// Prints what happens, and the result's id at the end. STORE is a directory.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { Backends, Engine, Spec } from "obuilder"

const [, , file, directory, store] = process.argv
if (store === undefined) {
  process.stderr.write("usage: node examples/library.mjs SPEC DIR STORE\n")
  process.exit(2)
}

const build = Effect.gen(function* () {
  const spec = yield* Spec.parse(readFileSync(file, "utf8"), { file })
  return yield* Engine.build({
    spec,
    directory,
    onEvent: (event) => (event._tag === "Heading" ? Console.log(event.text) : Effect.void)
  })
})

build.pipe(
  Effect.flatMap(({ id }) => Console.log(id)),
  Effect.provide(Backends.layer(`overlayfs:${store}`, { directory })),
  Effect.tapError((error) => Console.error(Engine.describe(error))),
  (program) => NodeRuntime.runMain(program, { disableErrorReporting: true })
)
