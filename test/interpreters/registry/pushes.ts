/** Images that are pushed to a registry that keeps them, without a store that they would be made from. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { StepId } from "../../../src/domain/Digest.ts"
import { parse, type RegistryReference } from "../../../src/domain/ImageReference.ts"
import { ImageProblem } from "../../../src/interpreters/base/ImageProblem.ts"
import { descriptorOf, document, type Documents } from "../../../src/interpreters/image/ImageDocuments.ts"
import * as MediaTypes from "../../../src/interpreters/image/MediaTypes.ts"
import type { Failure, Layer, ResultImage } from "../../../src/interpreters/image/ResultImage.ts"
import { bring } from "../../../src/interpreters/image/Target.ts"
import type { Pushing } from "../../../src/interpreters/registry/Pushing.ts"
import * as Registries from "../../../src/interpreters/registry/Registries.ts"
import { sha256 } from "../base/images.ts"
import { temporaryDirectory } from "../base/trees.ts"
import { type EmptyRegistry, serveEmpty } from "./emptyRegistry.ts"
import type { Tls } from "./scriptedRegistry.ts"

export interface Content {
  readonly bytes: Buffer
  /** The base's image that it is a layer of. */
  readonly origin?: string
  /** What is read instead of the bytes. */
  readonly read?: (signal: AbortSignal) => AsyncIterable<Buffer>
}

export const SMALL: Content = { bytes: Buffer.from("a small layer") }
/** More than a socket buffers. */
export const LARGE: Content = { bytes: Buffer.alloc(12_000_000, "not compressed\n") }

export const digestOf = ({ bytes }: Content): string => `sha256:${sha256(bytes)}`

export interface World {
  readonly registry: EmptyRegistry
  readonly path: string
  /** Milliseconds of the pauses that were made. */
  readonly pauses: ReadonlyArray<number>
  readonly progress: ReadonlyArray<Registries.Progress>
  /** Pushes an image of layers to `REPOSITORY:TAG` of the registry. Gives its documents. */
  readonly pushed: (
    name: string,
    layers?: ReadonlyArray<Content>,
    use?: (pushing: Pushing, documents: Documents) => Effect.Effect<void, ImageProblem>
  ) => Effect.Effect<Documents, string>
  /** Writes a password as `docker login` does. */
  readonly login: (text: string) => void
  /** Has this in `registries.conf` from now on. */
  readonly configure: (toml: string) => void
}

export const worldWith = (tls?: Tls): Effect.Effect<World, never, Scope.Scope> =>
  Effect.gen(function* () {
    const path = yield* temporaryDirectory
    const registry = yield* serveEmpty(tls)
    const pauses: Array<number> = []
    const progress: Array<Registries.Progress> = []
    const conf = `${path}/registries.conf`
    Fs.writeFileSync(conf, "")
    const options: Registries.RegistriesOptions = {
      directory: () => undefined,
      remembers: false,
      pulls: false,
      environment: { HOME: path, CONTAINERS_REGISTRIES_CONF: conf },
      progress: (one) => progress.push(one),
      pause: (milliseconds) => {
        pauses.push(milliseconds)
        return Promise.resolve()
      }
    }
    const pushed: World["pushed"] = (name, layers = [SMALL, LARGE], use = () => Effect.void) =>
      Effect.gen(function* () {
        const registries = yield* Registries.make(options)
        const pushing = yield* registries.push(referenceTo(`${registry.host}/${name}`))
        const documents = yield* bring(imageOf(layers), pushing)
        yield* use(pushing, documents)
        return documents
      }).pipe(Effect.scoped, Effect.mapError(said))
    return {
      registry,
      path,
      pauses,
      progress,
      pushed,
      login: (text) => {
        Fs.mkdirSync(`${path}/.docker`, { recursive: true })
        const auths = { [registry.host]: { auth: Buffer.from(text).toString("base64") } }
        Fs.writeFileSync(`${path}/.docker/config.json`, JSON.stringify({ auths }))
      },
      configure: (toml) => Fs.writeFileSync(conf, toml)
    }
  })

export const world = worldWith()

const said = (failure: Failure): string => {
  if (!(failure instanceof ImageProblem)) return failure._tag
  return [failure.message, ...Option.toArray(Option.map(failure.hint, (hint) => `(${hint})`))].join(" ")
}

export const referenceTo = (name: string): RegistryReference => {
  const image = Effect.runSync(parse(name))
  if (image._tag !== "Registry") throw new Error(`${name} is in no registry`)
  return image.image
}

/** As much of an image as is needed to bring it somewhere. */
const imageOf = (contents: ReadonlyArray<Content>): ResultImage => ({
  id: StepId.make("0".repeat(64)),
  layers: contents.map(layerOf),
  complete: (layers) => {
    const all = layers.flatMap(Option.toArray)
    const config = document(MediaTypes.CONFIG, { rootfs: { diff_ids: all.map(({ diffId }) => diffId) } })
    const manifest = document(MediaTypes.MANIFEST, {
      schemaVersion: 2,
      mediaType: MediaTypes.MANIFEST,
      config: descriptorOf(config),
      layers: all.map(({ digest, mediaType, size }) => ({ digest, mediaType, size }))
    })
    return { config, manifest, layers: all }
  },
  made: [],
  nested: [],
  begun: 0,
  created: 0,
  settings: { environment: [], user: null, workdir: null },
  planned: Option.none()
})

const layerOf = (content: Content): Layer => {
  const { bytes, origin, read } = content
  const digest = digestOf(content)
  const descriptor = { mediaType: MediaTypes.layerType("none"), digest, size: bytes.length, diffId: digest }
  return {
    origin: Option.map(Option.fromNullable(origin), referenceTo),
    expected: Effect.succeedSome(Option.some(descriptor)),
    open: Effect.succeedSome({ descriptor, read: read ?? (() => pieces(bytes)) })
  }
}

const PIECE = 256 * 1024

export async function* pieces(bytes: Buffer): AsyncIterable<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE)
}

/** What is not there of what was pushed to `REPOSITORY:TAG`. */
export const missing = (registry: EmptyRegistry, name: string, documents: Documents): ReadonlyArray<string> => {
  const [repository, tag] = name.split(":")
  const { config, layers, manifest } = documents
  const isThere = registry.manifests.get(`${repository} ${tag}`)?.equals(manifest.bytes) === true
  const digests = [config, ...layers].map(({ digest }) => digest)
  return [
    ...(isThere ? [] : ["the manifest"]),
    ...digests.filter((digest) => {
      const content = registry.blobs.get(`${repository} ${digest}`)
      return content === undefined || `sha256:${sha256(content)}` !== digest
    })
  ]
}
