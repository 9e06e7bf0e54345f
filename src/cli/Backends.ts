/** The table of backends: a new one is a line here, and its own files under `interpreters`. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Path from "node:path"
import { sha256 } from "../domain/Digest.ts"
import * as LocalBaseImages from "../interpreters/base/LocalBaseImages.ts"
import * as OciRuntimeSandbox from "../interpreters/sandbox/OciRuntimeSandbox.ts"
import * as OverlayfsStore from "../interpreters/store/OverlayfsStore.ts"
import type { Backend, SandboxOptions } from "./Backend.ts"

const table: Readonly<Record<string, Backend>> = {
  overlayfs: {
    placeIsPath: true,
    store: (path) => OverlayfsStore.make({ path }),
    sandbox: (options) => ociRuntime(options),
    images: (options) => Effect.succeed(LocalBaseImages.make(options)),
    hashes: (path, sourceDirectory) => Option.some(Path.join(path, "hashes", sha256(sourceDirectory)))
  }
}

/** The backends of this program, by kind. */
export const backends: ReadonlyMap<string, Backend> = new Map(Object.entries(table))

const ociRuntime = ({ fastSync, memory, runtime }: SandboxOptions) =>
  OciRuntimeSandbox.make({
    fastSync,
    runtime: Option.getOrUndefined(runtime),
    memoryLimit: Option.getOrUndefined(memory)
  })
