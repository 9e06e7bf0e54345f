/** The table of backends: a new one is a line here, and its own files under `interpreters`. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Path from "node:path"
import { sha256 } from "../domain/Digest.ts"
import type { HashMemo } from "../interpreters/host/HashMemo.ts"
import type { BaseImages } from "../interpreters/BaseImages.ts"
import type { Sandbox } from "../interpreters/Sandbox.ts"
import { type Backend, Backends, type SandboxOptions } from "./Backend.ts"
import * as LazySandbox from "./LazySandbox.ts"

/** Each loads its code when it is used, not before: a command that needs little should start fast. */
const table: Readonly<Record<string, Backend>> = {
  overlayfs: {
    placeIsPath: true,
    store: (path) => load(async () => (await import("../interpreters/store/OverlayfsStore.ts")).layer({ path })),
    sandbox: (options) => ociRuntime(options),
    images: (sourceDirectory, memo) => localImages(sourceDirectory, memo),
    hashes: (path, sourceDirectory) => Option.some(Path.join(path, "hashes", sha256(sourceDirectory)))
  }
}

/** The backends of this program. */
export const layer: Layer.Layer<Backends> = Layer.succeed(Backends, new Map(Object.entries(table)))

const load = <A, E>(module: () => Promise<Layer.Layer<A, E>>): Layer.Layer<A, E> =>
  Layer.unwrapEffect(Effect.promise(module))

const ociRuntime = ({ fastSync, memory, runtime }: SandboxOptions): Layer.Layer<Sandbox> =>
  LazySandbox.layer(async () =>
    (await import("../interpreters/sandbox/OciRuntimeSandbox.ts")).layer({
      fastSync,
      ...(Option.isSome(runtime) ? { runtime: runtime.value } : {}),
      ...(Option.isSome(memory) ? { memoryLimit: memory.value } : {})
    })
  )

const localImages = (sourceDirectory: string, memo: HashMemo): Layer.Layer<BaseImages> =>
  load(async () => (await import("../interpreters/base/LocalBaseImages.ts")).layer({ sourceDirectory, memo }))
