/** Base images that a Docker engine has. Nothing is loaded, read or asked for before the first one. */
import type * as Effect from "effect/Effect"
import { Digest } from "../../domain/Digest.ts"
import { attempt, type ImageProblem, problem } from "../base/ImageProblem.ts"
import { hex } from "../base/ImageSchemas.ts"
import * as LocalImage from "../base/LocalImage.ts"
import type * as Platform from "../base/Platform.ts"
import type { UnpackLimits } from "../base/UnpackLayers.ts"
import * as DockerEngine from "./DockerEngine.ts"
import * as SavedImage from "./SavedImage.ts"

export interface DockerImagesOptions {
  /** For `DOCKER_HOST`, and for `TMPDIR`. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

export interface DockerImages {
  /** What a name, or an id, means to the engine today. Nothing is exported for it. */
  readonly resolve: (
    name: string,
    wanted: Platform.Platform
  ) => Effect.Effect<Omit<LocalImage.LocalImage, "configuration" | "layers">, ImageProblem>
  /** Unpacks the image of this id into an empty directory. */
  readonly unpack: (
    digest: Digest,
    wanted: Platform.Platform,
    root: string,
    limits: UnpackLimits
  ) => Effect.Effect<LocalImage.LocalImage, ImageProblem>
}

export const make = ({ environment }: DockerImagesOptions): DockerImages => ({
  resolve: (name, wanted) =>
    attempt(`cannot inspect ${name}`, (signal) =>
      DockerEngine.asking(environment, async (engine) => {
        const found = await engine.inspect(name, signal)
        if (found === undefined) throw problem(`${engine.name} has no image ${name}`, elsewhere(name))
        const config = { os: found.Os, architecture: found.Architecture, variant: found.Variant, config: found.Config }
        const digest = Digest.make(hex(found.Id))
        return { digest, ...LocalImage.describe(config, wanted, engine.name) }
      })
    ),
  unpack: (digest, platform, root, limits) =>
    SavedImage.unpack({ environment, root, limits }, (take, signal) =>
      DockerEngine.asking(environment, async (engine) => {
        const id = `sha256:${digest}`
        if ((await engine.inspect(id, signal)) === undefined) {
          throw problem(`${engine.name} has the image ${id} no longer`, "build again")
        }
        const archive = engine.save(id, signal)
        return await take({ archive, id, platform, name: engine.name })
      })
    )
})

const elsewhere = (name: string): string =>
  name.startsWith("sha256:")
    ? "docker images --no-trunc lists those that it has"
    : `pull it (docker pull ${name}), or write (from ${name}) to have it fetched without Docker`
