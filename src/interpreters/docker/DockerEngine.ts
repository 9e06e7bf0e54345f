/** The images of a Docker engine, by its API (1.41, Docker 20.10, and later). */
import * as Schema from "effect/Schema"
import type { ByteSource } from "../base/ByteSource.ts"
import * as Schemas from "../base/ImageSchemas.ts"
import { locate } from "./DockerHost.ts"
import { EngineCalls } from "./EngineCalls.ts"

const Inspection = Schemas.lazy(() =>
  Schema.Struct({
    /** The digest of the image's configuration; in an engine with containerd's image store that of a manifest or an index. */
    Id: Schemas.Sha256(),
    Os: Schema.String,
    Architecture: Schema.String,
    Variant: Schema.optional(Schema.String),
    Config: Schema.optional(
      Schema.NullOr(Schema.Struct({ Env: Schema.optional(Schema.NullOr(Schema.Array(Schema.String))) }))
    )
  })
)
export type Inspection = ReturnType<typeof Inspection>["Type"]

export interface DockerEngine {
  /** For messages. */
  readonly name: string
  /** An image by its name or id; none where there is no such image. */
  readonly inspect: (image: string, signal: AbortSignal) => Promise<Inspection | undefined>
  /** The archive that `docker save` writes of an image. */
  readonly save: (image: string, signal: AbortSignal) => ByteSource
  /** Adds the images in an archive, under the names that it has for them. Throws what reading it throws. */
  readonly load: (archive: AsyncIterable<Uint8Array>, signal: AbortSignal) => Promise<void>
  readonly close: () => Promise<void>
}

/** Whatever goes wrong is thrown as an `ImageProblem`, also where `environment` names no engine. */
export const open = async (environment: Readonly<Record<string, string | undefined>>): Promise<DockerEngine> => {
  const calls = await EngineCalls.open(locate(environment))
  return {
    name: calls.name,
    inspect: async (image, signal) => {
      const document = await calls.imageDocument(image, signal)
      return document && Schemas.decode(Inspection, document, `what ${calls.name} says of ${image}`)
    },
    save: (image, signal) => calls.save(image, signal),
    load: (archive, signal) => calls.load(archive, signal),
    close: () => calls.close()
  }
}

/** Opens one for as long as somebody asks it. */
export const asking = async <A>(
  environment: Readonly<Record<string, string | undefined>>,
  ask: (engine: DockerEngine) => Promise<A>
): Promise<A> => {
  const engine = await open(environment)
  try {
    return await ask(engine)
  } finally {
    await engine.close()
  }
}
