/**
 * The configuration and the manifest of an image (image-spec 1.1), from what is
 * known of a result. Pure; the same facts give the same bytes.
 */
import canonicalize from "canonicalize"
import * as Option from "effect/Option"
import { sha256, type StepId } from "../../domain/Digest.ts"
import type { Variable } from "../../domain/Inputs.ts"
import type { User } from "../../domain/Spec.ts"
import type { Settings } from "../../plan/Plan.ts"
import * as Platform from "../base/Platform.ts"
import type { LayerDescriptor } from "../Notes.ts"
import * as BaseConfiguration from "./BaseConfiguration.ts"
import type { Changes } from "./ImageOptions.ts"
import * as MediaTypes from "./MediaTypes.ts"

/** What is known of the result. */
export interface Facts {
  readonly id: StepId
  readonly base: {
    /** In full, where it is in a registry. */
    readonly name: Option.Option<string>
    /** 64 hexadecimal digits: of its manifest, where it has one. */
    readonly digest: Option.Option<string>
    /** `os/architecture[/variant]`. */
    readonly platform: string
    readonly environment: ReadonlyArray<Variable>
    /** Of its image, as it is. */
    readonly configuration: string | null
    /** Whether its own layers are the first ones of the image. */
    readonly isKept: boolean
  }
  readonly settings: Settings
  /** The planned id of what was built, if that is known. */
  readonly planned: Option.Option<StepId>
  /** Seconds since 1970. */
  readonly created: number
  readonly changes: Changes
}

/** A layer, and the step that made it. */
export interface Entry {
  /** None for a step that has changed nothing. */
  readonly layer: Option.Option<LayerDescriptor>
  /** None for the base's own layers. */
  readonly step: Option.Option<{ readonly heading: string; readonly created: number }>
}

export interface Documents {
  readonly config: Document
  readonly manifest: Document
  /** From the lowest up. */
  readonly layers: ReadonlyArray<LayerDescriptor>
}

export interface Document {
  readonly mediaType: string
  /** `sha256:…`. */
  readonly digest: string
  readonly bytes: Uint8Array
}

/** The canonical form of a value, so that equal ones have one digest. */
export const document = (mediaType: string, value: unknown): Document => literal(mediaType, canonicalize(value) ?? "")

export const literal = (mediaType: string, text: string): Document => {
  const bytes = Buffer.from(text)
  return { mediaType, bytes, digest: `sha256:${sha256(bytes)}` }
}

export const make = (facts: Facts, entries: ReadonlyArray<Entry>): Documents => {
  const layers = entries.flatMap(({ layer }) => Option.toArray(layer))
  const config = document(MediaTypes.CONFIG, configuration(facts, entries, layers))
  const manifest = document(MediaTypes.MANIFEST, {
    schemaVersion: 2,
    mediaType: MediaTypes.MANIFEST,
    config: descriptorOf(config),
    layers: layers.map(({ digest, mediaType, size }) => ({ digest, mediaType, size })),
    annotations: annotations(facts)
  })
  return { config, manifest, layers }
}

export const descriptorOf = ({ bytes, digest, mediaType }: Document) => ({ digest, mediaType, size: bytes.length })

const configuration = (facts: Facts, entries: ReadonlyArray<Entry>, layers: ReadonlyArray<LayerDescriptor>): object => {
  const { base, created } = facts
  const old = BaseConfiguration.read(base.configuration)
  const { architecture, os, variant } = Platform.parse(base.platform)
  return {
    created: time(created),
    architecture,
    os,
    ...Option.match(variant, { onNone: () => ({}), onSome: (name) => ({ variant: name }) }),
    config: execution(facts, old),
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: history(facts, old, entries)
  }
}

const execution = ({ base, changes, id, settings }: Facts, old: BaseConfiguration.BaseConfiguration): object => {
  const config: Record<string, unknown> = { ...old.config }
  const set = (name: string, value: Option.Option<unknown>): void => {
    if (Option.isSome(value)) config[name] = value.value
  }
  config["Env"] = merged(base.environment, settings.environment, changes.environment)
  describe(config, settings)
  set(
    "User",
    Option.orElse(changes.user, () =>
      Option.orElse(Option.fromNullable(settings.image?.user), () =>
        Option.map(Option.fromNullable(settings.user), userName)
      )
    )
  )
  set(
    "WorkingDir",
    Option.orElse(changes.workdir, () => Option.fromNullable(settings.workdir))
  )
  if (Option.isSome(changes.entrypoint)) delete config["Cmd"]
  set("Entrypoint", changes.entrypoint)
  set("Cmd", changes.command)
  const ports = { ...record(config["ExposedPorts"]), ...Object.fromEntries(changes.ports.map((port) => [port, {}])) }
  if (Object.keys(ports).length > 0) config["ExposedPorts"] = ports
  config["Labels"] = { ...record(config["Labels"]), [RESULT]: id, ...asRecord(changes.labels) }
  return config
}

/** Adds what a Dockerfile says of its image. */
const describe = (config: Record<string, unknown>, { image }: Settings): void => {
  if (image === undefined) return
  const set = (name: string, value: unknown): void => {
    if (value !== undefined) config[name] = value
  }
  if (image.entrypoint !== undefined) delete config["Cmd"]
  set("Entrypoint", image.entrypoint)
  set("Cmd", image.command)
  set("Shell", image.shell)
  set("StopSignal", image.stopSignal)
  set("Healthcheck", image.healthcheck)
  const merge = (name: string, added: Readonly<Record<string, unknown>>): void => {
    if (Object.keys(added).length > 0) config[name] = { ...record(config[name]), ...added }
  }
  merge("ExposedPorts", Object.fromEntries(image.ports.map((port) => [port, {}])))
  merge("Volumes", Object.fromEntries(image.volumes.map((path) => [path, {}])))
  merge("Labels", asRecord(image.labels))
}

/** Of labels and annotations: the result that an image was made of, and the planned id of what was built. */
export const RESULT = "obuilder.result"
export const PLAN = "obuilder.plan"

const annotations = ({ base, changes, created, id, planned }: Facts): Readonly<Record<string, string>> => ({
  "org.opencontainers.image.created": time(created),
  ...Option.match(base.name, {
    onNone: () => ({}),
    onSome: (name) => ({ "org.opencontainers.image.base.name": name })
  }),
  ...Option.match(base.digest, {
    onNone: () => ({}),
    onSome: (digest) => ({ "org.opencontainers.image.base.digest": `sha256:${digest}` })
  }),
  [RESULT]: id,
  ...Option.match(planned, { onNone: () => ({}), onSome: (plan) => ({ [PLAN]: plan }) }),
  ...asRecord(changes.annotations)
})

/** The base's own, if it fits the base's layers, and a line for each step. */
const history = (
  { base, created }: Facts,
  old: BaseConfiguration.BaseConfiguration,
  entries: ReadonlyArray<Entry>
): ReadonlyArray<unknown> => {
  const own = entries.filter(({ step }) => Option.isNone(step)).length
  const kept = base.isKept ? old.history : []
  const filled = kept.filter((entry) => entry.empty_layer !== true).length
  return [
    ...(filled === own
      ? kept
      : Array.from({ length: own }, () => ({ created: time(created), created_by: "(from base)" }))),
    ...entries.flatMap(({ layer, step }) =>
      Option.toArray(step).map((made) => ({
        created: time(made.created),
        created_by: made.heading,
        comment: "obuilder",
        ...(Option.isNone(layer) ? { empty_layer: true } : {})
      }))
    )
  ]
}

/** RFC 3339, of seconds. */
export const time = (seconds: number): string => new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, "Z")

/** As an image has it: a name, or numbers. */
const userName = (user: User): string => (user._tag === "Named" ? user.name : `${user.uid}:${user.gid}`)

/** `NAME=VALUE`; of several with one name the last counts, in the first one's place. */
const merged = (...lists: ReadonlyArray<ReadonlyArray<Variable>>): ReadonlyArray<string> => {
  const all = new Map(lists.flat().map(({ name, value }) => [name, value]))
  return [...all].map(([name, value]) => `${name}=${value}`)
}

const asRecord = (pairs: ReadonlyArray<Variable>): Readonly<Record<string, string>> =>
  Object.fromEntries(pairs.map(({ name, value }) => [name, value]))

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {}
