/** A result's root file system as a directory of its own. */
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { StepId } from "../../domain/Digest.ts"
import { type ImageProblem, problem } from "../base/ImageProblem.ts"
import { LayerWriter } from "../base/LayerWriter.ts"
import { TarReader } from "../base/TarReader.ts"
import type { StoreError, StoreService, UnknownId } from "../Store.ts"
import * as NewDirectory from "./NewDirectory.ts"

/**
 * Writes it to a path where nothing is yet, or an empty directory. It appears when
 * it is complete. `latest` as `StoreService.tar` has it.
 */
export const write = (
  store: StoreService,
  id: StepId,
  latest: Option.Option<number>,
  path: string
): Effect.Effect<void, StoreError | UnknownId | ImageProblem> =>
  Effect.gen(function* () {
    if (!(yield* NewDirectory.doing(path, () => NewDirectory.isFree(path)))) {
      return yield* problem(`${path} is there already, and is not empty`, "name another directory with -o")
    }
    const directory = yield* NewDirectory.make(path, true)
    const writer = yield* Effect.acquireRelease(
      NewDirectory.doing(path, () => new LayerWriter({ root: directory.path, maxEntries: Number.POSITIVE_INFINITY })),
      (open) => Effect.sync(() => open.dispose())
    )
    writer.begin("tar")
    const reader = new TarReader(writer)
    const take = (chunk: Uint8Array) => NewDirectory.doing(path, () => reader.write(Buffer.from(chunk)))
    yield* store.tar(id, take, latest)
    yield* NewDirectory.doing(path, () => {
      reader.end()
      writer.finish()
    })
    yield* directory.keep
  }).pipe(Effect.scoped)
