/** Results as images in a Docker engine. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { once } from "node:events"
import type { RegistryReference } from "../../domain/ImageReference.ts"
import { attempt } from "../base/ImageProblem.ts"
import { dockerArchive, type Services, type Wanted } from "../image/Export.ts"
import type { Failure } from "../image/ResultImage.ts"
import * as DockerEngine from "./DockerEngine.ts"

/** Gives the result to the engine, under a name; it is read while it is made. */
export const load = (
  services: Services,
  { id, options }: Pick<Wanted, "id" | "options">,
  image: RegistryReference,
  environment: Readonly<Record<string, string | undefined>>
): Effect.Effect<void, Failure> =>
  Effect.gen(function* () {
    const { PassThrough } = yield* Effect.promise(() => import("node:stream"))
    const archive = yield* Effect.acquireRelease(
      Effect.sync(() => new PassThrough()),
      (stream) => Effect.sync(() => stream.destroy())
    )
    const write = (chunk: Uint8Array): Effect.Effect<void> =>
      Effect.promise(async () => {
        if (!archive.write(chunk)) await once(archive, "drain")
      })
    const writing = Effect.zipRight(
      dockerArchive(services, { id, options, name: Option.some(image) }, write),
      Effect.sync(() => void archive.end())
    )
    const loading = attempt("cannot load the image", async (signal) => {
      const engine = await DockerEngine.open(environment)
      try {
        await engine.load(archive, signal)
      } finally {
        await engine.close()
      }
    })
    yield* Effect.all([writing, loading], { concurrency: 2, discard: true })
  }).pipe(Effect.scoped)
