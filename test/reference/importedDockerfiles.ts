/** Builds of Dockerfiles by this project's own engine, as `obuilder build -f Dockerfile` makes them, with their images. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import { afterAll } from "vitest"
import { parse } from "../../src/domain/dockerfile/DockerfileParser.ts"
import type { Imported } from "../../src/domain/dockerfile/Imported.ts"
import * as LocalBaseImages from "../../src/interpreters/base/LocalBaseImages.ts"
import * as Platform from "../../src/interpreters/base/Platform.ts"
import { BaseImages } from "../../src/interpreters/BaseImages.ts"
import { importFrom } from "../../src/interpreters/DockerfileImport.ts"
import { Engine } from "../../src/interpreters/Engine.ts"
import * as SourceDirectory from "../../src/interpreters/host/SourceDirectory.ts"
import { plain } from "../../src/interpreters/image/ImageOptions.ts"
import * as ResultImage from "../../src/interpreters/image/ResultImage.ts"
import { observe } from "../../src/interpreters/Observe.ts"
import * as OciRuntimeSandbox from "../../src/interpreters/sandbox/OciRuntimeSandbox.ts"
import { Store } from "../../src/interpreters/Store.ts"
import * as OverlayfsStore from "../../src/interpreters/store/OverlayfsStore.ts"
import { describe } from "../../src/plan/ImportedPlan.ts"
import { plan } from "../../src/plan/Planner.ts"
import type { DockerBuild, Outcome } from "./engineTrees.ts"
import { readTar } from "./readTar.ts"

export interface OwnImage {
  readonly outcome: Outcome
  readonly imported: Imported | undefined
  /** The image's configuration, as far as it says how it is run. */
  readonly config: Readonly<Record<string, unknown>>
}

/** Bases are called otherwise here, such as those that `addBase` has made. */
export const importedBuilds = (directory: string, bases: Readonly<Record<string, string>>) => {
  const local = LocalBaseImages.make({ sourceDirectory: directory })
  const named = (reference: string): string => bases[reference] ?? reference
  const images = BaseImages.of({
    ...local,
    resolve: (reference) => local.resolve(named(reference)),
    unpack: (reference, base, rootfs) => local.unpack(named(reference), base, rootfs),
    layers: (reference, base, at) => local.layers(named(reference), base, at)
  })
  const makeRuntime = () =>
    ManagedRuntime.make(
      Layer.provideMerge(
        Engine.layer,
        Layer.mergeAll(
          OverlayfsStore.layer({ path: `${directory}/imported` }),
          OciRuntimeSandbox.layer({ stateDirectory: `${directory}/imported-state` }),
          Layer.succeed(BaseImages, images)
        )
      )
    )
  let runtime: ReturnType<typeof makeRuntime> | undefined
  afterAll(() => runtime?.dispose())
  return async (
    request: Omit<DockerBuild, "secrets"> & { secrets?: Readonly<Record<string, string>> }
  ): Promise<OwnImage> => {
    const { args = {}, context: path, dockerfile, secrets = {}, target } = request
    runtime ??= makeRuntime()
    let imported: Imported | undefined
    const program = Effect.gen(function* () {
      imported = yield* importFrom({
        dockerfile: yield* parse(dockerfile, { file: "Dockerfile" }),
        context: path,
        buildArguments: new Map(Object.entries(args)),
        target,
        looksAtBases: true,
        platform: Platform.format(Platform.host())
      })
      const context = yield* SourceDirectory.make({ path })
      const inputs = yield* observe(imported.spec, context)
      const { build } = yield* Engine
      const { id } = yield* build({
        plan: describe(yield* plan(imported.spec, inputs), imported.image),
        inputs,
        context,
        secrets: new Map(Object.entries(secrets).map(([name, text]) => [name, Buffer.from(text)])),
        jobs: 2,
        onEvent: () => Effect.void
      })
      const store = yield* Store
      const chunks: Array<Uint8Array> = []
      yield* store.tar(id, (chunk) => Effect.sync(() => void chunks.push(chunk)))
      const image = yield* ResultImage.make({ store, images, directory, compression: "gzip" }, id, plain)
      const { config } = image.complete(image.layers.map(() => Option.none()))
      const text = Buffer.from(config.bytes).toString("utf8")
      return { tar: Buffer.concat(chunks), config: JSON.parse(text).config as Record<string, unknown> }
    }).pipe(Effect.scoped)
    const done = await runtime.runPromise(Effect.either(program))
    if (Either.isLeft(done)) {
      return { imported, config: {}, outcome: { _tag: "Failed", said: JSON.stringify(done.left) } }
    }
    return { imported, config: done.right.config, outcome: { _tag: "Built", tree: await readTar(done.right.tar) } }
  }
}
