/**
 * Bases for a Docker store: unpacked on the host, where every byte is checked as
 * for any other store, and then given to the engine. So the files of a base are
 * the same everywhere.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Option from "effect/Option"
import { BaseImageError, type BaseImagesService } from "../BaseImages.ts"
import { remove } from "../host/RemoveTree.ts"
import * as NamelessFile from "../host/NamelessFile.ts"
import type { ImageConfig } from "./EngineCalls.ts"
import { treeOf } from "./DockerTree.ts"

export const make = (
  images: BaseImagesService,
  environment: Readonly<Record<string, string | undefined>>
): BaseImagesService => ({
  ...images,
  unpack: (reference, base, rootfs) => {
    const tree = treeOf(rootfs)
    if (tree === undefined) return images.unpack(reference, base, rootfs)
    const failed = (message: string, cause: unknown, hint: Option.Option<string> = Option.none()) =>
      new BaseImageError({ reference, message, hint, cause })
    // Where this process is killed, the next one removes it with the tree.
    const place = tree.place ?? NamelessFile.directoryFor(environment)
    return Effect.acquireUseRelease(
      Effect.try({
        try: () => {
          const path = Fs.mkdtempSync(`${place}/obuilder-base-`)
          Fs.mkdirSync(`${path}/fs`, { mode: 0o755 })
          Fs.chmodSync(`${path}/fs`, 0o755)
          return path
        },
        catch: (cause) => failed(`cannot make a directory in ${place}: ${(cause as Error).message}`, cause)
      }),
      (path) =>
        Effect.gen(function* () {
          const origin = yield* images.unpack(reference, base, { _tag: "Directory", path: `${path}/fs` })
          const Materialise = yield* Effect.promise(() => import("./Materialise.ts"))
          yield* Effect.mapError(
            Materialise.fill(tree, `${path}/fs`, configOf(origin.configuration)),
            ({ cause, hint, message }) => failed(message, cause, hint)
          )
          return origin
        }),
      (path) => remove(path)
    )
  }
})

/** How the base's image is run. */
const configOf = (configuration: string | null): ImageConfig => {
  if (configuration === null) return {}
  const { config } = JSON.parse(configuration) as { readonly config?: ImageConfig | null }
  const { Cmd, Entrypoint, Env, User, WorkingDir } = config ?? {}
  return {
    Cmd: Cmd ?? null,
    Entrypoint: Entrypoint ?? null,
    Env: Env ?? null,
    User: User ?? "",
    WorkingDir: WorkingDir ?? ""
  }
}
