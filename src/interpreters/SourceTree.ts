/**
 * Somewhere a `copy` can read from: the source directory, or the root file
 * system of a nested build's result.
 */
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { Manifest } from "../domain/Manifest.ts"
import type { Preserve } from "../domain/Preserve.ts"

/** A `src` that cannot be copied. `path` is the `src` as the spec has it. */
export class SourceError extends Data.TaggedError("SourceError")<{
  readonly path: string
  readonly message: string
  readonly hint: Option.Option<string>
}> {}

export interface SourceTree {
  /**
   * What `src` (a path below the tree's root, as a spec has it) holds, without
   * the entries whose base name is in `exclude`. Links are not followed, neither
   * at the end nor on the way; `..` is refused; so is anything that is neither
   * file, directory nor link. Reads only. What is to be preserved is told of
   * each entry, by sources that know it.
   */
  readonly manifest: (
    src: string,
    exclude: ReadonlyArray<string>,
    preserve?: Preserve
  ) => Effect.Effect<Manifest, SourceError>
  /** The whole content of a file of a manifest, by its path in the tree. */
  readonly read: (path: string) => Effect.Effect<Uint8Array, SourceError>
  /** The files themselves, for stores that copy from file to file; `None` for trees that are not on the host. */
  readonly locate: Option.Option<HostFiles>
}

/** The files of a source tree that is on the host's file system. */
export interface HostFiles {
  /** Throws Node's errors. What is opened has to be closed. */
  readonly open: () => OpenFiles
}

export interface OpenFiles {
  /**
   * Opens a file of a manifest to read, by its path in the tree. It need not be
   * what the manifest says any more. Throws Node's errors.
   */
  readonly file: (path: string) => number
  readonly close: () => void
}
