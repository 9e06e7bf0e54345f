/** Results as images in a Docker engine. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { RegistryReference } from "../../domain/ImageReference.ts"
import { attempt, type ImageProblem, problem } from "../base/ImageProblem.ts"
import { dockerArchive, type Services, type Wanted } from "../image/Export.ts"
import type { Failure } from "../image/ResultImage.ts"
import * as DockerEngine from "./DockerEngine.ts"
import * as FedStream from "./FedStream.ts"

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
    const { stream: archive, write } = yield* FedStream.make
    let isWhole = false
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
