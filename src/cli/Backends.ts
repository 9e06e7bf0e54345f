/** The table of backends: a new one is a line here, and its own files under `interpreters`. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Path from "node:path"
import { sha256 } from "../domain/Digest.ts"
import * as LocalBaseImages from "../interpreters/base/LocalBaseImages.ts"
import type { HashMemo } from "../interpreters/host/HashMemo.ts"
import { Sandbox, type SandboxError, type SandboxService } from "../interpreters/Sandbox.ts"
import * as OciRuntimeSandbox from "../interpreters/sandbox/OciRuntimeSandbox.ts"
import { Store } from "../interpreters/Store.ts"
import * as OverlayfsStore from "../interpreters/store/OverlayfsStore.ts"
import type { Backend, SandboxOptions } from "./Backend.ts"

const table: Readonly<Record<string, Backend>> = {
  overlayfs: {
    placeIsPath: true,
    store: (path) => service(Store, OverlayfsStore.layer({ path })),
    sandbox: (options) => ociRuntime(options),
    images: (sourceDirectory, memo) => localImages(sourceDirectory, memo),
    hashes: (path, sourceDirectory) => Option.some(Path.join(path, "hashes", sha256(sourceDirectory)))
  }
}

/** The backends of this program, by kind. */
export const backends: ReadonlyMap<string, Backend> = new Map(Object.entries(table))

/** The service that a layer makes. Layers cost a short command more when they are put together than one by one. */
const service = <I, S, E>(tag: Context.Tag<I, S>, layer: Layer.Layer<I, E>): Effect.Effect<S, E, Scope.Scope> =>
  Effect.map(Layer.build(layer), (context) => Context.get(context, tag))

const ociRuntime = ({
  fastSync,
  memory,
  runtime
}: SandboxOptions): Effect.Effect<SandboxService, SandboxError, Scope.Scope> =>
  service(
    Sandbox,
    OciRuntimeSandbox.layer({
      fastSync,
      runtime: Option.getOrUndefined(runtime),
      memoryLimit: Option.getOrUndefined(memory)
    })
  )

const localImages = (sourceDirectory: string, memo: HashMemo) =>
  Effect.succeed(LocalBaseImages.make({ sourceDirectory, memo }))
