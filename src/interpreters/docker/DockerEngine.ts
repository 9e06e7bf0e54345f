/** The images of a Docker engine, by its API (1.41, Docker 20.10, and later). */
import * as Schema from "effect/Schema"
import { visible } from "../../domain/DisplayText.ts"
import * as ByteSource from "../base/ByteSource.ts"
import { problem } from "../base/ImageProblem.ts"
import * as Schemas from "../base/ImageSchemas.ts"
import * as Connection from "./DockerConnection.ts"
import { locate } from "./DockerHost.ts"

const Inspection = Schemas.lazy(() =>
  Schema.Struct({
    /** The digest of the image's configuration; in an engine with containerd's image store that of a manifest. */
    Id: Schemas.Sha256(),
    Os: Schema.String,
    Architecture: Schema.String,
    Variant: Schema.optional(Schema.String),
    Config: Schema.optional(
      Schema.NullOr(Schema.Struct({ Env: Schema.optional(Schema.NullOr(Schema.Array(Schema.String))) }))
    ),
    /** The manifest, where the engine keeps such. */
    Descriptor: Schema.optional(Schema.NullOr(Schema.Struct({ digest: Schema.String })))
  })
)
export type Inspection = ReturnType<typeof Inspection>["Type"]

export interface DockerEngine {
  /** For messages. */
  readonly name: string
  /** An image by its name or id; none where there is no such image. */
  readonly inspect: (image: string, signal: AbortSignal) => Promise<Inspection | undefined>
  /** The archive that `docker save` writes of an image. */
  readonly save: (image: string, signal: AbortSignal) => ByteSource.ByteSource
  /** Adds the images in an archive, under the names that it has for them. Throws what reading it throws. */
  readonly load: (archive: AsyncIterable<Uint8Array>, signal: AbortSignal) => Promise<void>
  readonly close: () => Promise<void>
}

const MAX_DOCUMENT = 16 * 1024 * 1024

/** Whatever goes wrong is thrown as an `ImageProblem`, also where `environment` names no engine. */
export const open = async (environment: Readonly<Record<string, string | undefined>>): Promise<DockerEngine> => {
  const connection = await Connection.open(locate(environment))
  const { close, name, send } = connection

  const inspect = async (image: string, signal: AbortSignal) => {
    const reply = await send({ method: "GET", path: `/images/${inPath(image)}/json`, signal })
    if (reply.status === 404) {
      reply.discard()
      return undefined
    }
    if (reply.status !== 200) throw await Connection.refusal(connection, reply)
    const what = `what ${name} says of ${image}`
    return Schemas.decode(Inspection, await collected(reply, what), what)
  }

  async function* save(image: string, signal: AbortSignal): ByteSource.ByteSource {
    const reply = await send({ method: "GET", path: `/images/${inPath(image)}/get`, isLong: true, signal })
    if (reply.status !== 200) throw await Connection.refusal(connection, reply)
    try {
      yield* reply.body
    } finally {
      reply.discard()
    }
  }

  const load = async (archive: AsyncIterable<Uint8Array>, signal: AbortSignal) => {
    const reply = await send({ method: "POST", path: "/images/load?quiet=1", body: archive, isLong: true, signal })
    if (reply.status !== 200) throw await Connection.refusal(connection, reply)
    // What happens after an engine has begun to answer is in the answer.
    const error = errorIn(await collected(reply, `what ${name} says of what it loads`))
    if (error !== undefined) throw problem(`${name} cannot load the image: ${visible(error)}`)
  }

  return { name, inspect, save, load, close }
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

/** Slashes are the engine's own business. */
const inPath = (image: string): string => image.split("/").map(encodeURIComponent).join("/")

const collected = async ({ body, discard }: Connection.Reply, what: string): Promise<Buffer> => {
  try {
    return await ByteSource.collect(body, MAX_DOCUMENT, what)
  } finally {
    discard()
  }
}

/** The first error in a stream of JSON documents, one a line. */
export const errorIn = (lines: Buffer): string | undefined => {
  for (const line of lines.toString("utf8").split(/\r?\n/)) {
    if (line.trim() === "") continue
    const error = errorOf(line)
    if (error !== undefined) return error
  }
  return undefined
}

const errorOf = (line: string): string | undefined => {
  try {
    const value: unknown = JSON.parse(line)
    const { error }: { readonly error?: unknown } = typeof value === "object" && value !== null ? value : {}
    return typeof error === "string" ? error : undefined
  } catch {
    // Nothing that it should say: its success is not to be believed.
    return line.slice(0, 200)
  }
}
