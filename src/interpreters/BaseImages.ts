/**
 * Where `(from …)` comes from.
 *
 * Law: what is unpacked has the digest that was planned, or the effect fails.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { BaseInput } from "../domain/Inputs.ts"
import type { LayerDescriptor, BaseOrigin } from "./Notes.ts"
import type { Rootfs } from "./Rootfs.ts"

/** A base that cannot be had. `reference` is what the spec's `(from …)` says. */
export class BaseImageError extends Data.TaggedError("BaseImageError")<{
  readonly reference: string
  readonly message: string
  readonly hint: Option.Option<string>
  readonly cause: unknown
}> {}

/** Gives the bytes of a layer as they are; fails at their end if they are not those that its digest names. */
export type ReadLayer = (layer: LayerDescriptor, signal: AbortSignal) => AsyncIterable<Buffer>

export interface BaseImagesService {
  /** What relative paths in references are relative to: an absolute path. */
  readonly directory: string
  /** What the reference means today. Reads only. */
  readonly resolve: (reference: string) => Effect.Effect<BaseInput, BaseImageError>
  /** Unpacks the base that was resolved as `base` into an empty root file system. Tells what else is to be known of it. */
  readonly unpack: (
    reference: string,
    base: Pick<BaseInput, "digest" | "platform">,
    rootfs: Rootfs
  ) => Effect.Effect<BaseOrigin, BaseImageError>
  /**
   * For reading the layers of a base that was unpacked, for as long as the scope
   * is open. What its reference was relative to then is `directory`.
   */
  readonly layers: (
    reference: string,
    base: Pick<BaseInput, "digest" | "platform">,
    directory: string
  ) => Effect.Effect<ReadLayer, BaseImageError, Scope.Scope>
}

export class BaseImages extends Context.Tag("obuilder/BaseImages")<BaseImages, BaseImagesService>() {}
