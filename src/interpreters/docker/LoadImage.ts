/** Results as images in a Docker engine. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { RegistryReference } from "../../domain/ImageReference.ts"
import { attempt, type ImageProblem, problem } from "../base/ImageProblem.ts"
import { dockerArchive, type Services, type Wanted } from "../image/Export.ts"
import type { Failure } from "../image/ResultImage.ts"
import * as DockerEngine from "./DockerEngine.ts"

/** Fails where there is no engine that answers. */
export const check = (environment: Readonly<Record<string, string | undefined>>): Effect.Effect<void, ImageProblem> =>
  attempt("cannot ask Docker", async (signal) => {
    await DockerEngine.asking(environment, (engine) => engine.inspect(NOBODYS, signal))
  })

/** An id that no image has. */
const NOBODYS = `sha256:${"0".repeat(64)}`

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
      Effect.sync(() => {
        const stream = new PassThrough()
        // Who reads it tells what went wrong.
        stream.on("error", () => undefined)
        return stream
      }),
      (stream) => Effect.sync(() => stream.destroy())
    )
    let isWhole = false
    /** Waits for ever where nobody reads any more. */
    const write = (chunk: Uint8Array): Effect.Effect<void> =>
      Effect.async((resume) => {
        if (archive.destroyed) return
        if (archive.write(chunk)) resume(Effect.void)
        else archive.once("drain", () => resume(Effect.void))
      })
    const writing = Effect.zipRight(
      dockerArchive(services, { id, options, name: Option.some(image) }, write),
      Effect.sync(() => {
        isWhole = true
        archive.end()
      })
    )
    const loading = attempt("cannot load the image", (signal) =>
      DockerEngine.asking(environment, async (engine) => {
        await engine.load(archive, signal)
        if (!isWhole) throw problem(`${engine.name} says that it is done, and has not taken all of the image`)
      })
    )
    yield* Effect.all([writing, loading], { concurrency: 2, discard: true })
  }).pipe(Effect.scoped)
