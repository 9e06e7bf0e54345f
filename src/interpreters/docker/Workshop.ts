/**
 * Where the images of a Docker store are made: all that its store and its
 * sandbox know of the engine together.
 *
 * Every object has a name that begins with the store's prefix: results are
 * `PREFIX:TREE`, what is on its way is `PREFIX-tmp:TREE-N`, containers and
 * volumes are `PREFIX-TREE…`. A tree's name is written down on the host before
 * the engine hears of it, so that whoever finds the one can remove the other.
 */
import { randomBytes } from "node:crypto"
import { problem } from "../base/ImageProblem.ts"
import * as PackedTar from "../host/PackedTar.ts"
import type { DockerTree } from "./DockerTree.ts"
import { type Change, EngineCalls, type EngineInfo, type ImageConfig, type ImageFacts } from "./EngineCalls.ts"
import { locate } from "./DockerHost.ts"
import * as Identity from "./Identity.ts"
import * as ImageChanges from "./ImageChanges.ts"
import * as Specials from "./Specials.ts"

const NAME_BYTES = 8

/** What is called like this, {@link Workshop.newName} has made. */
export const NAME = /^([0-9a-f]{16})$/

/** The tag of an image without files. Every store has one: an engine that lacks it is another one, or was cleaned. */
export const EMPTY = "empty"

/** An engine takes no image of more than 125 layers; a step adds two at most. */
const MAX_LAYERS = 110

/** What is cleared up when the effect that made it is interrupted has so many milliseconds for it. */
const CLEAR_TIME = 60_000

/** A signal for what has to be done, whatever was interrupted. */
export const clearing = (): AbortSignal => AbortSignal.timeout(CLEAR_TIME)

/**
 * A signal for what an engine goes on with when nobody waits for it any more,
 * and that can only be removed once it is there: it comes that much later.
 */
export const later = (signal: AbortSignal): AbortSignal => {
  const late = new AbortController()
  const stop = (): void => clearing().addEventListener("abort", () => late.abort())
  if (signal.aborted) stop()
  else signal.addEventListener("abort", stop, { once: true })
  return late.signal
}

export interface WorkshopOptions {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Where the store's {@link Identity} is kept, or the prefix itself. */
  readonly identity: string | { readonly prefix: string }
  /** From how many layers on an image is made one of a single layer before anything is built on it. */
  readonly maxLayers?: number
}

export class Workshop {
  readonly maxLayers: number
  readonly environment: WorkshopOptions["environment"]
  private readonly identity: WorkshopOptions["identity"]
  private known: string | undefined
  private opening: Promise<EngineCalls> | undefined
  private checking: Promise<EngineCalls> | undefined
  private asking: Promise<EngineInfo> | undefined
  private making: Promise<string> | undefined

  constructor({ environment, identity, maxLayers = MAX_LAYERS }: WorkshopOptions) {
    this.maxLayers = maxLayers
    this.environment = environment
    this.identity = identity
  }

  /** What all names begin with; throws an `ImageProblem` where there is no store yet. */
  get prefix(): string {
    if (typeof this.identity !== "string") return this.identity.prefix
    this.known ??= Identity.read(this.identity)?.prefix
    if (this.known !== undefined) return this.known
    throw problem("there is nothing in the Docker engine that belongs to this store")
  }

  /** The engine; throws an `ImageProblem` where the environment names none, or one that the store is not in. */
  get calls(): Promise<EngineCalls> {
    this.checking ??= this.check().catch((cause: unknown) => {
      this.checking = undefined
      throw cause
    })
    return this.checking
  }

  /** Notes which engine the store is in, if it is new. */
  async prepare(signal: AbortSignal): Promise<void> {
    if (typeof this.identity === "string" && Identity.read(this.identity) === undefined) {
      const { ID = "" } = await this.info(signal)
      if (Identity.make(this.identity, ID) === undefined) throw problem(`${this.identity} cannot be read`)
    }
    await this.mark(signal)
  }

  /**
   * An engine that has nothing at all of the store may be another one, of which
   * it must not be learnt that results are lost, or are gone.
   */
  private async check(): Promise<EngineCalls> {
    const calls = await this.engine
    const identity = typeof this.identity === "string" ? Identity.read(this.identity) : undefined
    if (identity === undefined) return calls
    const signal = clearing()
    if ((await calls.image(`${identity.prefix}:${EMPTY}`, signal)) !== undefined) return calls
    if ((await this.info(signal)).ID !== identity.engine) throw elsewhere(calls)
    // Somebody has cleaned the engine.
    await this.mark(signal)
    return calls
  }

  /** Whichever it is. */
  private get engine(): Promise<EngineCalls> {
    // What `DOCKER_HOST` says wrongly is thrown where somebody waits for it.
    this.opening ??= (async () => EngineCalls.open(locate(this.environment)))()
    return this.opening
  }

  async close(): Promise<void> {
    if (this.opening !== undefined) await (await this.opening.catch(() => undefined))?.close()
  }

  newName(): string {
    return randomBytes(NAME_BYTES).toString("hex")
  }

  /** The image of a finished tree. */
  resultImage(name: string): string {
    return `${this.prefix}:${name}`
  }

  /** The repository of what is on its way. */
  get temporary(): string {
    return `${this.prefix}-tmp`
  }

  /** What a container or volume of a tree is called. */
  objectOf(name: string): string {
    return `${this.prefix}-${name}`
  }

  async info(signal: AbortSignal): Promise<EngineInfo> {
    this.asking ??= (await this.engine).info(signal).catch((cause: unknown) => {
      this.asking = undefined
      throw cause
    })
    return this.asking
  }

  async isWindows(signal: AbortSignal): Promise<boolean> {
    return (await this.info(signal)).OSType === "windows"
  }

  /** Has the engine tell at once that it is this store's. Windows has no image without files: there its id has to be asked. */
  async mark(signal: AbortSignal): Promise<void> {
    if (!(await this.isWindows(signal))) await this.emptyImage(signal)
  }

  /** An image without files, for containers that are only to be looked into. */
  async emptyImage(signal: AbortSignal): Promise<string> {
    this.making ??= this.makeEmpty(signal).catch((cause: unknown) => {
      this.making = undefined
      throw cause
    })
    return this.making
  }

  private async makeEmpty(signal: AbortSignal): Promise<string> {
    const calls = await this.engine
    const name = this.resultImage(EMPTY)
    if ((await calls.image(name, signal)) === undefined) {
      const tar = PackedTar.chunks(async () => undefined)
      await calls.importTar(tar, this.prefix, EMPTY, [], signal).catch(async (cause: unknown) => {
        // With containerd's image store one of two that make it at the same time fails.
        if ((await calls.image(name, signal)) === undefined) throw cause
      })
    }
    return name
  }

  /** Runs `use` with a container of an image, which goes when that has ended. It is not started. */
  async withContainer<A>(
    image: string,
    name: string,
    config: object,
    signal: AbortSignal,
    use: (calls: EngineCalls, container: string) => Promise<A>
  ): Promise<A> {
    const calls = await this.calls
    const called = `${this.objectOf(name)}-${randomBytes(4).toString("hex")}`
    try {
      // An engine makes no container that could run nothing.
      const container = await calls.createContainer(called, { Cmd: ["none"], ...config, Image: image }, later(signal))
      return await use(calls, container)
    } finally {
      // By its name: where the request for it was cut off it may be there all the same.
      await calls.removeContainer(called, clearing())
    }
  }

  /** The same with a container of what a tree is by now. */
  async withTree<A>(
    tree: DockerTree,
    config: object,
    signal: AbortSignal,
    use: (calls: EngineCalls, container: string) => Promise<A>
  ): Promise<A> {
    return this.withContainer(await this.imageOf(tree, signal), tree.name, config, signal, use)
  }

  /** The image of a tree, which is an empty one if nothing was put into it yet. */
  async imageOf(tree: DockerTree, signal: AbortSignal): Promise<string> {
    return tree.image ?? (await this.emptyImage(signal))
  }

  async factsOf(image: string, signal: AbortSignal): Promise<ImageFacts> {
    const calls = await this.calls
    const facts = await calls.image(image, signal)
    if (facts !== undefined) return facts
    throw problem(`${calls.name} has the image ${image} no longer`, "build again: it is made anew")
  }

  /** What of `Specials` a tree has. */
  async present(tree: DockerTree, signal: AbortSignal): Promise<ReadonlySet<string>> {
    if (tree.image === undefined) return new Set()
    const { Config } = await this.factsOf(tree.image, signal)
    return Specials.fromLabel(Config?.Labels?.[Specials.LABEL])
  }

  /** Makes what a container's file system is what the tree is. `known` is what has changed in it, if that was asked. */
  async keep(tree: DockerTree, container: string, signal: AbortSignal, known?: ReadonlyArray<Change>): Promise<void> {
    if (await this.isWindows(signal)) return (await import("./WindowsImages.ts")).keep(tree, container, signal)
    const calls = await this.calls
    const before = await this.factsOf(await this.imageOf(tree, signal), signal)
    const had = Specials.fromLabel(before.Config?.Labels?.[Specials.LABEL])
    const present = Specials.after(had, known ?? (await calls.changes(container, signal)))
    await this.replace(tree, withPresent(before.Config ?? {}, present), signal, (tag, config) =>
      calls.commit(container, this.temporary, tag, saidAnew(config), later(signal))
    )
  }

  /** Makes a tar of a root file system what the tree is. */
  async fill(
    tree: DockerTree,
    tar: AsyncIterable<Uint8Array>,
    config: ImageConfig,
    present: ReadonlySet<string>,
    signal: AbortSignal
  ): Promise<void> {
    const calls = await this.calls
    const named = await this.takesLayersByName(signal)
    await this.replace(tree, withPresent(config, present), signal, (tag, config) =>
      calls.importTar(tar, this.temporary, tag, named ? [] : ImageChanges.of(config), later(signal))
    )
  }

  /**
   * Puts an image that `make` makes in the place of the tree's. What the engine
   * says of how it was made (times, the command, the container, the host's name)
   * is left behind: the same files give the same image.
   */
  private async replace(
    tree: DockerTree,
    config: ImageConfig,
    signal: AbortSignal,
    make: (tag: string, config: ImageConfig) => Promise<void>
  ): Promise<void> {
    const calls = await this.calls
    const tag = `${tree.name}-${++tree.versions}`
    const raw = `${tag}-raw`
    const image = `${this.temporary}:${tag}`
    try {
      await make(raw, config)
      const made = await this.factsOf(`${this.temporary}:${raw}`, signal)
      if (await this.takesLayersByName(signal)) await this.loadAs(image, made, config, signal)
      else await calls.tag(`${this.temporary}:${raw}`, this.temporary, tag, signal)
    } finally {
      await calls.untag(`${this.temporary}:${raw}`, clearing())
    }
    // What it was stays until the tree is finished: a container of it may still be there.
    tree.image = image
    tree.temporary.push(image)
  }

  /** An image of layers that the engine has, which it does not ask for again: `docker load` of a configuration alone. */
  private async loadAs(image: string, made: ImageFacts, config: ImageConfig, signal: AbortSignal): Promise<void> {
    const calls = await this.calls
    const layers = made.RootFS.Layers ?? []
    const configuration = Buffer.from(
      JSON.stringify({
        architecture: made.Architecture,
        ...(made.Variant === undefined || made.Variant === "" ? {} : { variant: made.Variant }),
        config,
        created: "1970-01-01T00:00:00Z",
        os: made.Os,
        rootfs: { type: "layers", diff_ids: layers }
      })
    )
    const manifest = [{ Config: "config.json", RepoTags: [image], Layers: layers.map((_, index) => `${index}`) }]
    const archive = PackedTar.chunks(async (stream) => {
      await PackedTar.entry(stream, { name: "manifest.json" }, Buffer.from(JSON.stringify(manifest)))
      await PackedTar.entry(stream, { name: "config.json" }, configuration)
    })
    await calls.load(archive, later(signal))
  }

  /** Whether the engine has an image store of its own. That of containerd wants the layers themselves: there an image stays as it was made. */
  async takesLayersByName(signal: AbortSignal): Promise<boolean> {
    const { DriverStatus } = await this.info(signal)
    return !(DriverStatus ?? []).some(([, value]) => value.startsWith("io.containerd."))
  }

  /** Removes all that the engine has of trees of these names, their finished images too. */
  async discard(names: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    if (names.size === 0) return
    const calls = await this.calls
    const isOurs = (name: string): boolean => names.has(name.slice(0, NAME_BYTES * 2))
    const start = `${this.prefix}-`
    for (const container of await calls.containers(start, signal)) {
      if (isOurs(container.slice(start.length))) await calls.removeContainer(container, signal)
    }
    for (const name of await calls.names(this.temporary, signal)) {
      if (isOurs(name.slice(this.temporary.length + 1))) await calls.untag(name, signal)
    }
    // Not by a list of all that are finished, for which containerd's store takes milliseconds each.
    for (const name of names) await calls.untag(this.resultImage(name), signal)
    for (const volume of await calls.volumes(start, signal)) {
      if (isOurs(volume.slice(start.length))) await calls.removeVolume(volume, signal)
    }
  }

  /**
   * The names of all trees that the engine has anything of; but not of those that
   * are finished where a list of them takes milliseconds each, as it does with
   * containerd's image store.
   */
  async names(signal: AbortSignal): Promise<ReadonlySet<string>> {
    const calls = await this.calls
    const finished = (await this.takesLayersByName(signal)) ? await calls.names(this.prefix, signal) : []
    const start = `${this.prefix}-`
    const found = [
      ...(await calls.containers(start, signal)).map((one) => one.slice(start.length)),
      ...(await calls.volumes(start, signal)).map((one) => one.slice(start.length)),
      ...(await calls.names(this.temporary, signal)).map((one) => one.slice(this.temporary.length + 1)),
      ...finished.map((one) => one.slice(this.prefix.length + 1))
    ]
    return new Set(found.map((one) => one.slice(0, NAME_BYTES * 2)).filter((one) => NAME.test(one)))
  }

  /** The names of finished trees, and {@link EMPTY}; of those that are given only, if any are. */
  async finished(signal: AbortSignal, wanted?: ReadonlyArray<string>): Promise<ReadonlySet<string>> {
    const names = await (await this.calls).names(this.prefix, signal, wanted)
    return new Set(names.map((name) => name.slice(this.prefix.length + 1)))
  }

  /** Whether there is a finished tree of this name. */
  async has(name: string, signal: AbortSignal): Promise<boolean> {
    return (await (await this.calls).image(this.resultImage(name), signal)) !== undefined
  }
}

/** The cause of a problem that says that a store is in another engine. */
export const ELSEWHERE = Symbol("in another engine")

const elsewhere = (calls: EngineCalls) =>
  problem(
    `${calls.name} is not the one that the store is in`,
    "set DOCKER_HOST as it was when the store was made, or name another directory with --store",
    ELSEWHERE
  )

/**
 * The same, so that a container that is committed says none of it otherwise:
 * for what is empty an engine takes what its step had.
 */
const saidAnew = (config: ImageConfig): ImageConfig => ({
  ...config,
  Entrypoint: config.Entrypoint ?? [],
  User: config.User || "0:0",
  WorkingDir: config.WorkingDir || "/"
})

/** How an image is run, of what was said about it, with what it has of `Specials`; nothing that would change its files. */
const withPresent = (config: ImageConfig, present: ReadonlySet<string>): ImageConfig => ({
  Cmd: config.Cmd ?? null,
  Entrypoint: config.Entrypoint ?? null,
  Env: config.Env ?? null,
  Labels: { [Specials.LABEL]: Specials.toLabel(present) },
  User: config.User ?? "",
  WorkingDir: config.WorkingDir ?? ""
})
