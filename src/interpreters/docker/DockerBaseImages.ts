/**
 * Bases for a Docker store: unpacked on the host, where every byte is checked as
 * for any other store, and then given to the engine. So the files of a base are
 * the same everywhere.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import { attempt, type ImageProblem, problem } from "../base/ImageProblem.ts"
import { BaseImageError, BaseImages, type BaseImagesService } from "../BaseImages.ts"
import type { BaseOrigin } from "../Notes.ts"
import { remove } from "../host/RemoveTree.ts"
import { LAYER } from "../store/local/Layout.ts"
import type { ImageConfig } from "./EngineCalls.ts"
import { type DockerTree, treeOf } from "./DockerTree.ts"
import type * as WindowsImages from "./WindowsImages.ts"

/** As `make`. */
export const layer = (images: BaseImagesService): Layer.Layer<BaseImages> => Layer.succeed(BaseImages, make(images))

/** Gives a Docker store what `images` can unpack on the host. */
export const make = (images: BaseImagesService): BaseImagesService => ({
  ...images,
  resolve: (reference) =>
    Effect.tap(images.resolve(reference), ({ platform }) =>
      isWindows(platform)
        ? Effect.flatMap(windowsImages, ({ noSource, sourceOf }) =>
            sourceOf(reference) === undefined ? Effect.fail(blame(reference)(noSource())) : Effect.void
          )
        : Effect.void
    ),
  unpack: (reference, base, rootfs) => {
    const tree = treeOf(rootfs)
    if (tree === undefined) return images.unpack(reference, base, rootfs)
    if (isWindows(base.platform)) {
      return Effect.flatMap(windowsImages, (WindowsImages) =>
        attempt("cannot fetch a base", (signal) => WindowsImages.fetch(tree, reference, base, signal))
      ).pipe(
        Effect.mapBoth({
          onSuccess: (): BaseOrigin => ({ directory: images.directory, configuration: null, layers: null }),
          onFailure: blame(reference)
        })
      )
    }
    const { scratch } = tree
    const root = `${scratch}/${LAYER}`
    const cannot = (cause: unknown) => problem(`cannot make a directory in the store: ${(cause as Error).message}`)
    return Effect.zipRight(
      Effect.mapError(runsLinux(tree), blame(reference)),
      Effect.acquireUseRelease(
        Effect.try({
          try: () => {
            Fs.mkdirSync(root, { recursive: true, mode: 0o700 })
            Fs.chmodSync(root, 0o755)
          },
          catch: (cause) => blame(reference)(cannot(cause))
        }),
        () =>
          Effect.gen(function* () {
            const origin = yield* images.unpack(reference, base, { _tag: "Directory", path: root })
            const { fill } = yield* Effect.promise(() => import("./Materialise.ts"))
            yield* Effect.mapError(fill(tree, root, configOf(origin.configuration)), blame(reference))
            return origin
          }),
        () => remove(scratch)
      )
    )
  }
})

const isWindows = (platform: string): boolean => platform.startsWith("windows/")

/** Loaded by who needs it. */
const windowsImages: Effect.Effect<typeof WindowsImages> = Effect.promise(() => import("./WindowsImages.ts"))

const blame =
  (reference: string) =>
  ({ cause, hint, message }: ImageProblem): BaseImageError =>
    new BaseImageError({ reference, message, hint, cause })

const runsLinux = ({ workshop }: DockerTree): Effect.Effect<void, ImageProblem> =>
  Effect.flatMap(windowsImages, ({ mustRunLinux }) =>
    attempt("cannot ask the Docker engine", (signal) => mustRunLinux(workshop, signal))
  )

/** How the base's image is run. */
const configOf = (configuration: string | null): ImageConfig => {
  if (configuration === null) return {}
  return (JSON.parse(configuration) as { readonly config?: ImageConfig | null }).config ?? {}
}
