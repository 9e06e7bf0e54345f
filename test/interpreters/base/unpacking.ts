/** Takes an image through the service, as a build would: resolved, and unpacked into a new directory. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import type { BaseImageError } from "../../../src/interpreters/BaseImages.ts"
import * as LocalBaseImages from "../../../src/interpreters/base/LocalBaseImages.ts"
import { type Image, ociLayout } from "./images.ts"
import { temporaryDirectory } from "./trees.ts"

export type Options = Partial<LocalBaseImages.LocalBaseImagesOptions>

/** Resolves a reference in a directory, and unpacks it below that; the result is the new root. */
export const unpackReference = (
  directory: string,
  reference: string,
  options: Options = {}
): Effect.Effect<string, BaseImageError> =>
  Effect.gen(function* () {
    const images = LocalBaseImages.make({ sourceDirectory: directory, platform: "linux/amd64", ...options })
    const base = yield* images.resolve(reference)
    const path = join(directory, "root")
    mkdirSync(path)
    yield* images.unpack(reference, base, { _tag: "Directory", path })
    return path
  })

/** Makes a layout of layers, and unpacks it. */
export const unpackLayers = (
  layers: Image["layers"],
  options: Options = {}
): Effect.Effect<string, BaseImageError, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory
    ociLayout(join(directory, "image"), { layers })
    return yield* unpackReference(directory, "oci:image", options)
  })

/** What a user would read of a failure. */
export const said = (error: BaseImageError): string =>
  [error.message, ...Option.toArray(Option.map(error.hint, (hint) => `(${hint})`))].join(" ")
