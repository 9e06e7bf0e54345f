/**
 * What a backend asks of a Docker engine, by its API (1.41, Docker 20.10, and
 * later): https://docs.docker.com/engine/api/. Everything throws `ImageProblem`s.
 */
import { visible } from "../../domain/DisplayText.ts"
import * as ByteSource from "../base/ByteSource.ts"
import { type ImageProblem, problem } from "../base/ImageProblem.ts"
import * as DiskUsage from "./DiskUsage.ts"
import * as Connection from "./DockerConnection.ts"
import type { DockerHost } from "./DockerHost.ts"
import { errorIn } from "./StreamError.ts"

/** Of an image, as far as it matters here. */
export interface ImageFacts {
  readonly Id: string
  readonly Os: string
  readonly Architecture: string
  readonly Variant?: string
  readonly Config?: ImageConfig | null
  /** `REPOSITORY@DIGEST`, of the manifests that it was pulled by. */
  readonly RepoDigests?: ReadonlyArray<string> | null
  readonly RootFS: { readonly Layers?: ReadonlyArray<string> | null }
}

/** How an image is run: what the results of a stage take from its base. */
export interface ImageConfig {
  readonly Entrypoint?: ReadonlyArray<string> | null
  readonly Cmd?: ReadonlyArray<string> | null
  readonly Env?: ReadonlyArray<string> | null
  readonly User?: string | null
  readonly WorkingDir?: string | null
  readonly Labels?: Readonly<Record<string, string>> | null
}

export interface ContainerFacts {
  readonly State: { readonly ExitCode: number; readonly OOMKilled: boolean }
}

/** What the engine says of a path in a container, whose last component is not followed. */
export interface PathFacts {
  /** Bits as Go's `os.FileMode` has them. */
  readonly mode: number
  readonly size: number
  /** Of a link: where it leads, as seen from the container's root. */
  readonly linkTarget: string
}

/** 0: changed, 1: added, 2: deleted. */
export interface Change {
  readonly Path: string
  readonly Kind: 0 | 1 | 2
}

export interface EngineInfo {
  /** The engine's own, for as long as it keeps its data. */
  readonly ID: string
  readonly OSType: string
  readonly DriverStatus?: ReadonlyArray<readonly [string, string]> | null
}

const MAX_DOCUMENT = 64 * 1024 * 1024
/** What is said of one image has no reason to be larger. */
const MAX_IMAGE = 16 * 1024 * 1024

/** What an engine refused, with the status that it answered. */
export interface Refused {
  readonly status: number
  readonly problem: ImageProblem
}

type Query = Readonly<Record<string, string>>

/** Requests to one engine. */
export class EngineCalls {
  private readonly connection: Connection.DockerConnection

  private constructor(connection: Connection.DockerConnection) {
    this.connection = connection
  }

  /** Connects at the first request. */
  static async open(host: DockerHost): Promise<EngineCalls> {
    return new EngineCalls(await Connection.open(host))
  }

  /** For messages. */
  get name(): string {
    return this.connection.name
  }

  close(): Promise<void> {
    return this.connection.close()
  }

  info(signal: AbortSignal): Promise<EngineInfo> {
    return this.json({ method: "GET", path: "/info", signal })
  }

  /** The names `REPOSITORY:TAG` that images have whose repository is this one. */
  async names(repository: string, signal: AbortSignal, tags?: ReadonlyArray<string>): Promise<ReadonlyArray<string>> {
    const reference = tags === undefined ? [repository] : tags.map((tag) => `${repository}:${tag}`)
    const query = { filters: JSON.stringify({ reference }) }
    const images = await this.json<ReadonlyArray<{ readonly RepoTags?: ReadonlyArray<string> | null }>>({
      method: "GET",
      path: `/images/json${queryOf(query)}`,
      signal
    })
    return images.flatMap(({ RepoTags }) => RepoTags ?? []).filter((name) => name.startsWith(`${repository}:`))
  }

  /** An image by its name or id; none where there is no such image. */
  async image(name: string, signal: AbortSignal): Promise<ImageFacts | undefined> {
    const document = await this.imageDocument(name, signal)
    return document && this.parsed<ImageFacts>(document)
  }

  /** The same, as the engine writes it. */
  imageDocument(name: string, signal: AbortSignal): Promise<Buffer | undefined> {
    return this.found({ method: "GET", path: `/images/${inPath(name)}/json`, signal }, name, MAX_IMAGE)
  }

  async tag(image: string, repository: string, tag: string, signal: AbortSignal): Promise<void> {
    await this.done({
      method: "POST",
      path: `/images/${inPath(image)}/tag${queryOf({ repo: repository, tag })}`,
      signal
    })
  }

  /** Takes a name away from an image, and the image with the last one. Nothing where there is no such name. */
  async untag(name: string, signal: AbortSignal): Promise<void> {
    await this.done({ method: "DELETE", path: `/images/${inPath(name)}`, isLong: true, signal }, [404])
  }

  /** Makes an image of one layer from a tar of a root file system. */
  async importTar(
    tar: AsyncIterable<Uint8Array>,
    repository: string,
    tag: string,
    changes: ReadonlyArray<string>,
    signal: AbortSignal
  ): Promise<void> {
    const words = changes.map((line) => `&changes=${encodeURIComponent(line)}`).join("")
    const path = `/images/create${queryOf({ fromSrc: "-", repo: repository, tag })}${words}`
    await this.streamed("import", { method: "POST", path, body: tar, isLong: true, signal })
  }

  /** Adds the images of an archive, as `docker load`. */
  async load(archive: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    await this.streamed("load", { method: "POST", path: "/images/load?quiet=1", body: archive, isLong: true, signal })
  }

  /** As `docker save`. */
  save(image: string, signal: AbortSignal): ByteSource.ByteSource {
    return this.bytes({ method: "GET", path: `/images/${inPath(image)}/get`, isLong: true, signal })
  }

  /** Has the engine fetch an image from its registry, by a tag or a digest. */
  async pull(repository: string, version: string, platform: string, signal: AbortSignal): Promise<void> {
    const path = `/images/create${queryOf({ fromImage: repository, tag: version, platform })}`
    await this.streamed("fetch", { method: "POST", path, isLong: true, signal })
  }

  /** Gives its id. */
  async createContainer(name: string, config: object, signal: AbortSignal): Promise<string> {
    const path = `/containers/create${queryOf({ name })}`
    const { Id } = await this.json<{ readonly Id: string }>({
      method: "POST",
      path,
      document: config,
      isLong: true,
      signal
    })
    return Id
  }

  /** What it writes from now on, in the engine's frames, until it ends. To be asked for before it starts. */
  async attach(container: string, signal: AbortSignal): Promise<Connection.Reply> {
    const query = queryOf({ stream: "1", stdout: "1", stderr: "1" })
    const reply = await this.connection.send({
      method: "POST",
      path: `/containers/${container}/attach${query}`,
      isLong: true,
      signal
    })
    if (reply.status !== 200) throw await Connection.refusal(this.connection, reply)
    return reply
  }

  /** The same, with its standard input. */
  converse(container: string, signal: AbortSignal): Promise<Connection.Conversation> {
    const query = queryOf({ stream: "1", stdin: "1", stdout: "1", stderr: "1" })
    return this.connection.converse(`/containers/${container}/attach${query}`, signal)
  }

  /** Gives what the engine says where it cannot start. */
  async start(container: string, signal: AbortSignal): Promise<Refused | undefined> {
    const path = `/containers/${container}/start`
    const reply = await this.connection.send({ method: "POST", path, isLong: true, signal })
    const { status } = reply
    if (status >= 300) return { status, problem: await Connection.refusal(this.connection, reply) }
    reply.discard()
    return undefined
  }

  /** Waits for its end; gives its status. */
  async wait(container: string, signal: AbortSignal): Promise<number> {
    const ended = await this.json<{ readonly StatusCode: number }>({
      method: "POST",
      path: `/containers/${container}/wait`,
      isLong: true,
      signal
    })
    return ended.StatusCode
  }

  container(container: string, signal: AbortSignal): Promise<ContainerFacts> {
    return this.json({ method: "GET", path: `/containers/${container}/json`, signal })
  }

  /** Names of containers that begin like this, whether they run or not. */
  async containers(prefix: string, signal: AbortSignal): Promise<ReadonlyArray<string>> {
    const query = queryOf({ all: "1", filters: JSON.stringify({ name: [`^/${prefix}`] }) })
    const path = `/containers/json${query}`
    const found = await this.json<ReadonlyArray<{ readonly Names: ReadonlyArray<string> }>>({
      method: "GET",
      path,
      signal
    })
    return found.flatMap(({ Names }) =>
      Names.map((name) => name.replace(/^\//, "")).filter((n) => n.startsWith(prefix))
    )
  }

  /** Ends it, and removes it with its own volumes. Nothing where there is none. */
  async removeContainer(container: string, signal: AbortSignal): Promise<void> {
    const path = `/containers/${container}${queryOf({ force: "1", v: "1" })}`
    // 409: somebody else is removing it.
    await this.done({ method: "DELETE", path, isLong: true, signal }, [404, 409])
  }

  async changes(container: string, signal: AbortSignal): Promise<ReadonlyArray<Change>> {
    const path = `/containers/${container}/changes`
    return (await this.json<ReadonlyArray<Change> | null>({ method: "GET", path, isLong: true, signal })) ?? []
  }

  /** Makes an image of it. */
  async commit(
    container: string,
    repository: string,
    tag: string,
    config: ImageConfig,
    signal: AbortSignal
  ): Promise<void> {
    const path = `/commit${queryOf({ container, repo: repository, tag, pause: "0" })}`
    await this.json({ method: "POST", path, document: config, isLong: true, signal })
  }

  /** What is at a path in a container; none where nothing is. */
  async pathFacts(container: string, path: string, signal: AbortSignal): Promise<PathFacts | undefined> {
    const query = queryOf({ path })
    const reply = await this.connection.send({
      method: "HEAD",
      path: `/containers/${container}/archive${query}`,
      signal
    })
    const { header, status } = reply
    reply.discard()
    if (status === 404) return undefined
    const text = header("x-docker-container-path-stat")
    if (status !== 200 || text === undefined) {
      // The answer to this request has no body that would say why.
      for await (const _ of this.archive(container, path, signal)) break
      throw problem(`${this.name} answers ${status} to what ${JSON.stringify(path)} is in a container`)
    }
    return JSON.parse(Buffer.from(text, "base64").toString("utf8")) as PathFacts
  }

  /** A tar of what is at a path in a container; its names begin with the path's last component. */
  archive(container: string, path: string, signal: AbortSignal): ByteSource.ByteSource {
    const query = queryOf({ path })
    return this.bytes({ method: "GET", path: `/containers/${container}/archive${query}`, isLong: true, signal })
  }

  /** Unpacks a tar into a directory of a container. Gives what the engine says where it refuses. */
  async putArchive(
    container: string,
    path: string,
    tar: AsyncIterable<Uint8Array>,
    signal: AbortSignal
  ): Promise<Refused | undefined> {
    const query = queryOf({ path, noOverwriteDirNonDir: "1" })
    const where = `/containers/${container}/archive${query}`
    const reply = await this.connection.send({ method: "PUT", path: where, body: tar, isLong: true, signal })
    const { status } = reply
    if (status !== 200) return { status, problem: await Connection.refusal(this.connection, reply) }
    reply.discard()
    return undefined
  }

  async createVolume(name: string, signal: AbortSignal): Promise<void> {
    await this.done({ method: "POST", path: "/volumes/create", document: { Name: name }, signal })
  }

  async hasVolume(name: string, signal: AbortSignal): Promise<boolean> {
    return (await this.found({ method: "GET", path: `/volumes/${name}`, signal }, name, MAX_DOCUMENT)) !== undefined
  }

  /** Nothing where there is none. */
  async removeVolume(name: string, signal: AbortSignal): Promise<void> {
    await this.done({ method: "DELETE", path: `/volumes/${name}?force=1`, isLong: true, signal }, [404])
  }

  /** Names of volumes that begin like this. */
  async volumes(prefix: string, signal: AbortSignal): Promise<ReadonlyArray<string>> {
    const query = queryOf({ filters: JSON.stringify({ name: [prefix] }) })
    const found = await this.json<{ readonly Volumes?: ReadonlyArray<{ readonly Name: string }> | null }>({
      method: "GET",
      path: `/volumes${query}`,
      signal
    })
    return (found.Volumes ?? []).map(({ Name }) => Name).filter((name) => name.startsWith(prefix))
  }

  /** Bytes, by the names of images and of volumes. */
  async usage(signal: AbortSignal): Promise<DiskUsage.Usage> {
    // Engines of today leave the list out unless they are asked for it; earlier ones mind no such word.
    const path = "/system/df?verbose=1"
    return DiskUsage.read(await this.json<DiskUsage.Said>({ method: "GET", path, isLong: true, signal }))
  }

  private async json<A>(request: Connection.Request): Promise<A> {
    const reply = await this.connection.send(request)
    if (reply.status >= 300) throw await Connection.refusal(this.connection, reply)
    return this.parsed<A>(await this.collected(reply))
  }

  private async found(request: Connection.Request, of: string, limit: number): Promise<Buffer | undefined> {
    const reply = await this.connection.send(request)
    if (reply.status === 404) {
      reply.discard()
      return undefined
    }
    if (reply.status >= 300) throw await Connection.refusal(this.connection, reply)
    return await this.collected(reply, `what ${this.name} says of ${of}`, limit)
  }

  private async collected(
    { body, discard }: Connection.Reply,
    what = `what ${this.name} says`,
    limit = MAX_DOCUMENT
  ): Promise<Buffer> {
    try {
      return await ByteSource.collect(body, limit, what)
    } finally {
      discard()
    }
  }

  /** The engine is the machine's own, and root's: what it says is taken at its word. */
  private parsed<A>(document: Buffer): A {
    try {
      return JSON.parse(document.toString("utf8")) as A
    } catch (cause) {
      const hint = "look at DOCKER_HOST: does a Docker engine listen there?"
      throw problem(`${this.name} answers what is no JSON`, hint, cause)
    }
  }

  private async done(request: Connection.Request, alsoGood: ReadonlyArray<number> = []): Promise<void> {
    const reply = await this.connection.send(request)
    if (reply.status >= 300 && !alsoGood.includes(reply.status)) throw await Connection.refusal(this.connection, reply)
    reply.discard()
  }

  /** What goes wrong after it has begun to answer is in the answer. */
  private async streamed(verb: "fetch" | "load" | "import", request: Connection.Request): Promise<void> {
    const reply = await this.connection.send(request)
    if (reply.status !== 200) throw await Connection.refusal(this.connection, reply)
    const error = errorIn(await this.collected(reply))
    if (error !== undefined) throw problem(`${this.name} cannot ${verb} the image: ${visible(error)}`)
  }

  private async *bytes(request: Connection.Request): ByteSource.ByteSource {
    const reply = await this.connection.send(request)
    if (reply.status !== 200) throw await Connection.refusal(this.connection, reply)
    try {
      yield* reply.body
    } finally {
      reply.discard()
    }
  }
}

/** Slashes are the engine's own business. */
const inPath = (image: string): string => image.split("/").map(encodeURIComponent).join("/")

const queryOf = (query: Query): string => `?${new URLSearchParams(query).toString()}`
