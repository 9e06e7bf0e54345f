/**
 * The JSON documents of images: OCI's image index, manifest and configuration
 * (image-spec 1.1), Docker's schema 2 forms of the same, and the list in a
 * docker-archive. Only what is used is read; what is unknown is ignored.
 */
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { problem } from "./ImageProblem.ts"

/** Made at the first use: schemas take time to make, and most commands read no image. */
export const lazy = <A>(make: () => A): (() => A) => {
  let made: A | undefined
  return () => (made ??= make())
}

export const Sha256 = lazy(() =>
  Schema.String.pipe(
    Schema.pattern(/^sha256:[0-9a-f]{64}$/, {
      message: () => "expected a digest of the form sha256:HEX (no other is supported)"
    })
  )
)

const Size = lazy(() => Schema.Int.pipe(Schema.nonNegative()))

const PlatformJson = lazy(() =>
  Schema.Struct({
    os: Schema.String,
    architecture: Schema.String,
    variant: Schema.optional(Schema.String)
  })
)

const Descriptor = lazy(() =>
  Schema.Struct({
    mediaType: Schema.optional(Schema.String),
    digest: Sha256(),
    size: Size(),
    platform: Schema.optional(Schema.NullOr(PlatformJson())),
    artifactType: Schema.optional(Schema.NullOr(Schema.String)),
    annotations: Schema.optional(Schema.NullOr(Schema.Record({ key: Schema.String, value: Schema.String })))
  })
)
export type Descriptor = ReturnType<typeof Descriptor>["Type"]

export const Layout = lazy(() => Schema.Struct({ imageLayoutVersion: Schema.String }))

export const Index = lazy(() =>
  Schema.Struct({
    schemaVersion: Schema.Literal(2),
    mediaType: Schema.optional(Schema.String),
    manifests: Schema.Array(Descriptor())
  })
)
export type Index = ReturnType<typeof Index>["Type"]

export const Manifest = lazy(() =>
  Schema.Struct({
    schemaVersion: Schema.Literal(2),
    mediaType: Schema.optional(Schema.String),
    config: Descriptor(),
    layers: Schema.NullOr(Schema.Array(Descriptor()))
  })
)
export type Manifest = ReturnType<typeof Manifest>["Type"]

export const Config = lazy(() =>
  Schema.Struct({
    os: Schema.String,
    architecture: Schema.String,
    variant: Schema.optional(Schema.String),
    config: Schema.optional(
      Schema.NullOr(
        Schema.Struct({
          Env: Schema.optional(Schema.NullOr(Schema.Array(Schema.String))),
          // Only for Dockerfiles: an image where they are anything else is a base all the same.
          User: Schema.optional(Schema.Unknown),
          WorkingDir: Schema.optional(Schema.Unknown)
        })
      )
    ),
    rootfs: Schema.Struct({ type: Schema.Literal("layers"), diff_ids: Schema.NullOr(Schema.Array(Sha256())) })
  })
)
export type Config = ReturnType<typeof Config>["Type"]

export const DockerList = lazy(() =>
  Schema.Array(
    Schema.Struct({
      Config: Schema.String,
      RepoTags: Schema.optional(Schema.NullOr(Schema.Array(Schema.String))),
      Layers: Schema.NullOr(Schema.Array(Schema.String))
    })
  )
)
export type DockerList = ReturnType<typeof DockerList>["Type"]

export const annotationOfName = "org.opencontainers.image.ref.name"

const configTypes = ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"]
/** The compression follows, and is known by the data's first bytes anyway. */
const layerTypes = [
  "application/vnd.oci.image.layer.v1.tar",
  "application/vnd.oci.image.layer.nondistributable.v1.tar",
  "application/vnd.docker.image.rootfs.diff.tar",
  "application/vnd.docker.image.rootfs.foreign.diff.tar"
]

export const isConfig = (mediaType: string | undefined): boolean =>
  mediaType === undefined || configTypes.includes(mediaType)

export const isLayer = (mediaType: string | undefined): boolean =>
  mediaType === undefined || layerTypes.includes(mediaType.replace(/[+.](gzip|zstd)$/, ""))

/** The hexadecimal digits of a `sha256:` digest. */
export const hex = (digest: string): string => digest.slice("sha256:".length)

/** Reads a document; `what` names it in the message. Throws an `ImageProblem`. */
export const decode = <A, I>(schema: () => Schema.Schema<A, I>, bytes: Uint8Array, what: string): A => {
  const decoded = Schema.decodeUnknownEither(schema())(json(bytes, what))
  if (Either.isRight(decoded)) return decoded.right
  const [issue] = ParseResult.ArrayFormatter.formatErrorSync(decoded.left)
  const place = issue === undefined || issue.path.length === 0 ? "" : ` at ${issue.path.map(String).join(".")}`
  throw problem(`${what} is not what it should be${place}: ${issue?.message ?? ""}`, undefined, decoded.left)
}

const json = (bytes: Uint8Array, what: string): unknown => {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"))
  } catch (cause) {
    throw problem(`${what} is not JSON`, "it is damaged: make or copy the image again", cause)
  }
}

const Shape = lazy(() =>
  Schema.Struct({ manifests: Schema.optional(Schema.Unknown), layers: Schema.optional(Schema.Unknown) })
)

/**
 * Whether a document is an index or a manifest. One that could be read as both
 * is refused, as image-spec asks (CVE-2021-41190).
 */
export const shapeOf = (bytes: Uint8Array, what: string): "index" | "manifest" => {
  const { manifests, layers } = decode(Shape, bytes, what)
  if (manifests !== undefined && layers !== undefined) {
    throw problem(`${what} could be read as an image index and as an image manifest`)
  }
  if (manifests === undefined && layers === undefined) {
    throw problem(`${what} is neither an image index nor an image manifest`)
  }
  return manifests === undefined ? "manifest" : "index"
}
