/** An image whose manifest and configuration have been read and checked, and whose layers have not. */
import * as Option from "effect/Option"
import type { Digest } from "../../domain/Digest.ts"
import type { Variable } from "../../domain/Inputs.ts"
import type { ByteSource } from "./ByteSource.ts"
import { problem } from "./ImageProblem.ts"
import type { Config, Descriptor } from "./ImageSchemas.ts"
import * as Schemas from "./ImageSchemas.ts"
import * as Platform from "./Platform.ts"

export interface LocalImage {
  readonly digest: Digest
  readonly platform: Platform.Platform
  readonly environment: ReadonlyArray<Variable>
  /** Where its configuration names them. */
  readonly user?: string
  readonly workdir?: string
  /** As it is. */
  readonly configuration: string
  /** From the lowest up. */
  readonly layers: ReadonlyArray<ImageLayer>
}

export interface ImageLayer {
  /** For messages. */
  readonly name: string
  /** Its bytes, compressed or not. Where they have a digest of their own, reading them to their end checks it. */
  readonly read: (signal: AbortSignal) => ByteSource
  /** The SHA-256 of the tar inside, in hexadecimal digits. */
  readonly diffId: string
  /** How a manifest names it, if one does. */
  readonly descriptor?: Descriptor
}

/** Puts a configuration and the layers' data together. Throws an `ImageProblem` where they do not fit. */
export const make = (
  digest: Digest,
  configuration: { readonly bytes: Uint8Array; readonly name: string },
  layers: ReadonlyArray<Omit<ImageLayer, "diffId">>,
  wanted: Platform.Platform,
  where: string
): LocalImage => {
  const config = Schemas.decode(Schemas.Config, configuration.bytes, configuration.name)
  const diffIds = config.rootfs.diff_ids ?? []
  if (diffIds.length !== layers.length) {
    throw problem(`the image in ${where} has ${layers.length} layers and a configuration for ${diffIds.length}`)
  }
  return {
    digest,
    ...describe(config, wanted, where),
    configuration: Buffer.from(configuration.bytes).toString("utf8"),
    layers: layers.map((layer, index) => ({ ...layer, diffId: Schemas.hex(diffIds[index] ?? "") }))
  }
}

/** What is planned with. Throws an `ImageProblem` for an image that is for another system. */
export const describe = (
  config: Omit<Config, "rootfs">,
  wanted: Platform.Platform,
  where: string
): Pick<LocalImage, "environment" | "platform" | "user" | "workdir"> => {
  const platform: Platform.Platform = {
    os: config.os,
    architecture: config.architecture,
    variant: Option.filter(Option.fromNullable(config.variant), (variant) => variant !== "")
  }
  if (platform.os !== wanted.os) {
    throw problem(
      `the image in ${where} is for ${Platform.format(platform)}, not for ${Platform.format(wanted)}`,
      platform.os === "windows"
        ? "containers of Windows need --platform=windows/amd64, and --store=docker:PATH"
        : undefined
    )
  }
  const { Env, User, WorkingDir } = config.config ?? {}
  return {
    platform,
    environment: environment(Env ?? [], where),
    ...(isSaid(User) ? { user: User } : {}),
    ...(isSaid(WorkingDir) ? { workdir: WorkingDir } : {})
  }
}

const isSaid = (text: unknown): text is string => typeof text === "string" && text !== "" && !text.includes("\0")

/** `NAME=VALUE` each; of two for one name the last counts, in the first one's place. A name alone unsets it, as for Docker. */
const environment = (entries: ReadonlyArray<string>, where: string): ReadonlyArray<Variable> => {
  const variables = new Map<string, string>()
  for (const entry of entries) {
    const at = entry.indexOf("=")
    if (at < 0 && entry !== "" && !entry.includes("\0")) {
      variables.delete(entry)
      continue
    }
    if (at <= 0 || entry.includes("\0")) {
      throw problem(
        `the image in ${where} sets the environment variable ${JSON.stringify(entry)}, which is not NAME=VALUE`
      )
    }
    variables.set(entry.slice(0, at), entry.slice(at + 1))
  }
  return [...variables].map(([name, value]) => ({ name, value }))
}

/** For bases that have no configuration. */
export const defaultEnvironment: ReadonlyArray<Variable> = [
  { name: "PATH", value: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" }
]
