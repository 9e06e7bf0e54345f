/** An image that an engine saves, by way of a file without a name. */
import * as Effect from "effect/Effect"
import { Digest } from "../../domain/Digest.ts"
import type { ByteSource } from "../base/ByteSource.ts"
import * as DockerArchive from "../base/DockerArchive.ts"
import * as ImageFiles from "../base/ImageFiles.ts"
import { attempt, type ImageProblem, problem } from "../base/ImageProblem.ts"
import { hex } from "../base/ImageSchemas.ts"
import type { LocalImage } from "../base/LocalImage.ts"
import * as OciLayout from "../base/OciLayout.ts"
import type { Platform } from "../base/Platform.ts"
import { unpackLayers, type UnpackLimits } from "../base/UnpackLayers.ts"
import * as NamelessFile from "../host/NamelessFile.ts"

export interface Saved {
  readonly archive: ByteSource
  /** `sha256:…`, of its configuration, or of a manifest or an index where the engine keeps those. */
  readonly id: string
  readonly platform: Platform
  /** The engine's, for messages. */
  readonly name: string
}

/** Unpacks an image into the directory `root`. `save` may make that, and asks an engine, which is there until `take` has ended. */
export const unpack = (
  {
    environment,
    limits,
    root
  }: {
    readonly environment: Readonly<Record<string, string | undefined>>
    readonly root: string
    readonly limits: UnpackLimits
  },
  save: (take: (saved: Saved) => Promise<LocalImage>, signal: AbortSignal) => Promise<LocalImage>
): Effect.Effect<LocalImage, ImageProblem> => {
  const directory = NamelessFile.directoryFor(environment)
  return Effect.acquireUseRelease(
    attempt(`cannot make a file in ${directory}`, () => NamelessFile.open(directory)),
    (file) =>
      attempt(`cannot keep an image in ${directory}`, (signal) =>
        save(async (saved) => {
          for await (const chunk of saved.archive) await file.writeFile(chunk)
          return await lookUp(NamelessFile.pathOf(file.fd), saved)
        }, signal)
      ).pipe(Effect.tap(({ layers }) => unpackLayers(layers, "layers", root, limits))),
    (file) => Effect.promise(() => file.close())
  )
}

const lookUp = async (path: string, { id, name, platform }: Saved): Promise<LocalImage> => {
  const files = await ImageFiles.archive(path, `the archive from ${name}`)
  const digest = Digest.make(hex(id))
  const image = await DockerArchive.lookUp(files, digest, platform)
  if (image !== undefined) return image
  // Engines with containerd's image store save layouts with a list like Docker's beside.
  if (files.has(`blobs/sha256/${digest}`)) {
    return OciLayout.load(files, await OciLayout.manifestOf(files, { digest: id }, platform), platform)
  }
  throw problem(`${files.location} does not hold the image ${id}, which it was asked for`, "build again")
}
