/** The facts about the world that a plan depends on, gathered before planning. */
import * as Schema from "effect/Schema"
import { Digest } from "./Digest.ts"
import type { Manifest } from "./Manifest.ts"
import { ordered, type Preserve } from "./Preserve.ts"

/** `NAME=VALUE`, in the order in which a process sees them. */
export const Variable = Schema.Struct({ name: Schema.String, value: Schema.String })
export type Variable = typeof Variable.Type

/** What a base's digest is the digest of: the same one never means two contents. */
export const BaseFormat = Schema.Literal("oci", "docker", "tar", "directory", "zfs", "scratch")
export type BaseFormat = typeof BaseFormat.Type

/** What a base reference means today. */
export const BaseInput = Schema.Struct({
  format: BaseFormat,
  /** Names the base's content: an image manifest's digest, or that of a file or tree. */
  digest: Digest,
  /** `os/architecture[/variant]`, as OCI writes platforms. */
  platform: Schema.String,
  /** The environment of the base's configuration. */
  environment: Schema.Array(Variable),
  /** Who the image is run as, and where, as its configuration has it. No spec begins so; Dockerfiles do. */
  user: Schema.optionalWith(Schema.String, { exact: true }),
  workdir: Schema.optionalWith(Schema.String, { exact: true })
})
export type BaseInput = typeof BaseInput.Type

export interface Inputs {
  /** By the text of the spec's `(from …)`. */
  readonly bases: ReadonlyMap<string, BaseInput>
  /** What the `copy` steps take from the source directory, by {@link copyKey}. */
  readonly copies: ReadonlyMap<string, ReadonlyArray<Manifest>>
}

/** Two copies with equal `src` and `exclude` that preserve the same have the same manifest. */
export const copyKey = (copy: {
  readonly src: ReadonlyArray<string>
  readonly exclude: ReadonlyArray<string>
  readonly preserve?: Preserve
}): string => {
  const preserve = ordered(copy.preserve)
  return JSON.stringify([copy.src, copy.exclude, ...(preserve === undefined ? [] : [preserve])])
}
