/** What is kept of a base for images of what is built on it, and its layers, from where they were. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { resolve as resolvePath } from "node:path"
import type { ImageReference } from "../../domain/ImageReference.ts"
import type { BaseInput } from "../../domain/Inputs.ts"
import type { ReadLayer } from "../BaseImages.ts"
import type { BaseOrigin, LayerDescriptor } from "../Notes.ts"
import type { Registries } from "../registry/Registries.ts"
import { attempt, type ImageProblem, problem } from "./ImageProblem.ts"
import * as LocalFiles from "./LocalFiles.ts"
import type { LocalImage } from "./LocalImage.ts"
import * as OciLayout from "./OciLayout.ts"
import * as Platform from "./Platform.ts"

/** What is to be known of a base that was unpacked; `directory` is what its reference was relative to. */
export const of = (image: LocalImage | undefined, directory: string): BaseOrigin => ({
  directory: resolvePath(directory),
  configuration: image?.configuration ?? null,
  layers: image === undefined ? null : layersIn(image)
})

/** Those of which a manifest says what they are, and which may be given to others. */
const layersIn = ({ layers }: LocalImage): BaseOrigin["layers"] => {
  const found: Array<LayerDescriptor> = []
  for (const { descriptor, diffId } of layers) {
    const { digest, mediaType, size } = descriptor ?? {}
    if (digest === undefined || size === undefined || mediaType === undefined || isForeign(mediaType)) return null
    found.push({ mediaType, digest, size, diffId: `sha256:${diffId}` })
  }
  return found
}

/** Layers that are fetched from elsewhere: a manifest has their URLs. */
const isForeign = (mediaType: string): boolean => /nondistributable|foreign/.test(mediaType)

/** For reading the layers of an image that was unpacked once. */
export const layers = (
  image: ImageReference,
  path: string,
  { digest, platform }: Pick<BaseInput, "digest" | "platform">,
  registries: Registries | undefined
): Effect.Effect<ReadLayer, ImageProblem, Scope.Scope> => {
  switch (image._tag) {
    case "Registry":
      return registries === undefined
        ? Effect.fail(problem("nothing is fetched from registries here"))
        : registries.layers(image.image)
    case "Oci":
    case "OciArchive":
      return attempt(`cannot read ${path}`, async () => {
        const { layers } = await OciLayout.load(await LocalFiles.open(image, path), digest, Platform.parse(platform))
        const read: ReadLayer = ({ digest: wanted }, signal) => {
          const found = layers.find(({ descriptor }) => descriptor?.digest === wanted)
          if (found === undefined) throw problem(`there is no layer ${wanted} in ${path}`)
          return found.read(signal)
        }
        return read
      }).pipe(
        Effect.mapError(({ cause, message }) =>
          problem(
            message,
            "put the base back where it was, or write the image with --squash, which does not need it",
            cause
          )
        )
      )
    default:
      return Effect.fail(problem("the layers of this base cannot be had again"))
  }
}
