/** What images of results are made with: where bases come from, and space for layers on their way. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { BaseImagesService } from "../interpreters/BaseImages.ts"
import { HashMemo } from "../interpreters/host/HashMemo.ts"
import * as NamelessFile from "../interpreters/host/NamelessFile.ts"
import type { Chosen } from "./Backend.ts"
import { Host } from "./Host.ts"
import { isQuiet } from "./Logging.ts"
import { Output } from "./Output.ts"
import { showTransfer } from "./Transfers.ts"

export interface ImageServices {
  readonly images: BaseImagesService
  readonly directory: string
}

export const imageServices = (
  { backend, place }: Chosen,
  given: Parameters<typeof isQuiet>[0]
): Effect.Effect<ImageServices, never, Host | Output | Scope.Scope> =>
  Effect.gen(function* () {
    const { absolute, environment } = yield* Host
    const progress = isQuiet(given) ? {} : { progress: showTransfer("fetching", yield* Output) }
    const images = yield* backend.images(place, {
      sourceDirectory: absolute("."),
      within: undefined,
      memo: new HashMemo(),
      registries: { pulls: false, remembers: false, environment, ...progress }
    })
    return { images, directory: NamelessFile.directoryFor(environment) }
  })
