/**
 * Trees as images of a Docker engine, and caches as its volumes.
 *
 * Where other kinds have a directory there is a link that leads nowhere: its
 * text is the name of the tree. So a tree is moved by a rename, whoever finds a
 * link knows what the engine has of it, and what has no link is nobody's. The
 * link is always made first and removed last.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { attempt, type ImageProblem, problem } from "../base/ImageProblem.ts"
import * as Cooperate from "../host/Cooperate.ts"
import * as PackedTar from "../host/PackedTar.ts"
import { asFarAsPossible, removeTree } from "../host/RemoveTree.ts"
import type { Footprint } from "../Inventory.ts"
import type { SourceTree } from "../SourceTree.ts"
import { LAYER } from "../store/local/Layout.ts"
import { contentsOf } from "../store/local/CopyStep.ts"
import * as TreeLinks from "../store/local/TreeLinks.ts"
import type { Begun, BeginTree, Trees } from "../store/local/Trees.ts"
import { type CopyRequest, CopyError, StoreError, type Workspace } from "../Store.ts"
import { DockerSource } from "./DockerSource.ts"
import { DockerTree, DockerVolume, toRootfs } from "./DockerTree.ts"
import type { Usage } from "./DiskUsage.ts"
import type { EngineCalls, ImageFacts } from "./EngineCalls.ts"
import { PLACE, withVolume } from "./Volumes.ts"
import { Presence } from "./Presence.ts"
import { NAME, type Workshop } from "./Workshop.ts"

/** A directory of the store's, for its {@link Identity}. */
export const ENGINE = "engine"

const { linksIn, nameAt, nameOf } = TreeLinks.make({ pattern: NAME, what: "an image", skipped: LAYER })

export const make = (workshop: Workshop, root: string): Trees => {
  const trees = new EngineTrees(workshop, root)
  return {
    kind: "docker",
    // Of layers: what an image has of its own changes with what is built on it.
    extents: true,
    check: () => undefined,
    prepare: () => trees.prepare(),
    sweep: () => trees.sweep(),
    begin: (request) => trees.begin(request),
    finish: (directory) => trees.finish(`${directory}/${LAYER}`),
    whole: {
      create: (path) => trees.createVolume(path),
      clone: (from, to) => trees.cloneVolume(from, to),
      adopt: (path, owner, mode) => trees.adopt(path, owner, mode),
      rootfs: (path) => toRootfs(new DockerVolume(workshop, workshop.objectOf(nameAt(path))))
    },
    source: (path, temporary) => Effect.flatMap(temporary, (at) => trees.source(nameAt(path), at)),
    present: (path) => trees.present(path),
    foresee: (paths) => trees.foresee(paths),
    look: () => trees.look(),
    measure: (path) => trees.measure(path),
    read: ([path = ""], temporary) =>
      Effect.flatMap(temporary, (at) => Effect.map(trees.materialise(nameAt(path), at), (place) => [place])),
    remove: (path) => asFarAsPossible(() => trees.remove(path))
  }
}

interface Owner {
  readonly uid: number
  readonly gid: number
  readonly mode: number
}

const ANYBODYS: Owner = { uid: 0, gid: 0, mode: 0o1777 }

/** How long what an engine says of the room that all takes is good, in milliseconds: others make and remove things too. */
const USAGE_MS = 5000

class EngineTrees {
  private readonly workshop: Workshop
  private readonly root: string
  /** Those that this process is making, by their names. */
  private readonly making = new Map<string, DockerTree>()
  private readonly presence: Presence
  /** What everything takes, and when that was asked. */
  private measured: { readonly usage: Usage; readonly at: number } | undefined

  constructor(workshop: Workshop, root: string) {
    this.workshop = workshop
    this.presence = new Presence(workshop)
    this.root = root
  }

  *prepare(): Cooperate.Work {
    yield* Cooperate.wait(
      Effect.mapError(
        attempt("cannot prepare the Docker engine", (signal) => this.workshop.prepare(signal)),
        toStoreError
      )
    )
  }

  begin({ directory, parent }: BeginTree): Effect.Effect<Begun, StoreError> {
    const path = `${directory}/${LAYER}`
    const [above] = parent?.meta.layers ?? []
    return Effect.gen(this, function* () {
      const { tree, layers } = yield* asking("cannot begin a result", async (calls, signal) => {
        const name = this.link(path)
        const tree = new DockerTree(this.workshop, name, undefined, `${directory}/unpacked`)
        if (above === undefined) return { tree, layers: 0 }
        const image = this.workshop.resultImage(nameAt(`${this.root}/${above}`))
        const { RootFS } = await this.workshop.factsOf(image, signal)
        const tag = `${name}-0`
        await calls.tag(image, this.workshop.temporary, tag, signal)
        tree.image = `${this.workshop.temporary}:${tag}`
        tree.temporary.push(tree.image)
        return { tree, layers: RootFS.Layers?.length ?? 0 }
      })(this.workshop)
      if (layers > this.workshop.maxLayers) {
        const { flatten } = yield* materialising
        yield* Effect.mapError(flatten(tree), toStoreError)
      }
      this.making.set(tree.name, tree)
      const copy: Workspace["copy"] = (request) => copying(tree, request)
      return { rootfs: toRootfs(tree), upper: path, below: [], copy }
    })
  }

  *finish(path: string): Cooperate.Work {
    this.measured = undefined
    const name = nameAt(path)
    const tree = this.making.get(name)
    if (tree === undefined) throw failed("cannot keep a result", new Error(`nobody is making what ${path} stands for`))
    yield* this.work("cannot keep a result", async (calls, signal) => {
      await calls.tag(await this.workshop.imageOf(tree, signal), this.workshop.prefix, name, signal)
      for (const one of tree.temporary) await calls.untag(one, signal)
    })
    this.making.delete(name)
    this.presence.add(name)
  }

  *createVolume(path: string): Cooperate.Work {
    this.measured = undefined
    const name = this.link(path)
    yield* this.work("cannot make a cache", (calls, signal) => calls.createVolume(this.workshop.objectOf(name), signal))
  }

  /** The engine reads the one and writes the other, in containers of an image without files. */
  *cloneVolume(from: string, to: string): Cooperate.Work {
    this.measured = undefined
    const name = this.link(to)
    const volumes = [nameAt(from), name].map((one) => this.workshop.objectOf(one))
    yield* this.work("cannot copy a cache", async (calls, signal) => {
      const [source = "", target = ""] = volumes
      await calls.createVolume(target, signal)
      // Somebody has removed it: the step gets an empty one, that it may write to whoever it is.
      if (!(await calls.volumes(source, signal)).includes(source)) return this.own(target, name, ANYBODYS, signal)
      if (await this.workshop.isWindows(signal)) {
        const { copyVolume } = await import("./WindowsTools.ts")
        return copyVolume(this.workshop, { from: source, to: target, name }, signal)
      }
      await withVolume(this.workshop, { name, volume: source }, signal, (_, reading) =>
        withVolume(this.workshop, { name, volume: target }, signal, async (_, writing) => {
          const refused = await calls.putArchive(writing, "/", calls.archive(reading, PLACE, signal), signal)
          if (refused !== undefined) throw refused.problem
        })
      )
    })
  }

  *adopt(path: string, { gid, uid }: { readonly uid: number; readonly gid: number }, mode: number): Cooperate.Work {
    const name = nameAt(path)
    yield* this.work("cannot make a cache", (_, signal) =>
      this.own(this.workshop.objectOf(name), name, { gid, mode, uid }, signal)
    )
  }

  private async own(volume: string, name: string, owner: Owner, signal: AbortSignal): Promise<void> {
    // Whoever runs in a container of Windows may write to its volumes.
    if (await this.workshop.isWindows(signal)) return
    await withVolume(this.workshop, { name, volume }, signal, async (calls, container) => {
      const tar = PackedTar.chunks((stream) =>
        PackedTar.entry(stream, { name: `${PLACE.slice(1)}/`, type: "directory", ...owner, mtime: new Date() })
      )
      const refused = await calls.putArchive(container, "/", tar, signal)
      if (refused !== undefined) throw refused.problem
    })
  }

  /** A container that goes with the scope; `at` is a path where nothing is yet. */
  source(name: string, at: string): Effect.Effect<SourceTree, StoreError, Scope.Scope> {
    return Effect.acquireRelease(
      asking("cannot read a result", async (calls, signal) => {
        const own = this.link(at)
        if (await this.workshop.isWindows(signal)) {
          const { WindowsSource } = await import("./WindowsSource.ts")
          return new WindowsSource(this.workshop, this.workshop.resultImage(name), own)
        }
        const tree = new DockerTree(this.workshop, name, this.workshop.resultImage(name), at)
        const present = await this.workshop.present(tree, signal)
        const called = this.workshop.objectOf(own)
        const config = { Image: this.workshop.resultImage(name), Cmd: ["none"] }
        const container = await calls.createContainer(called, config, signal)
        return new DockerSource(calls, container, present)
      })(this.workshop).pipe(Effect.tapError(() => asFarAsPossible(() => this.remove(at)))),
      () => asFarAsPossible(() => this.remove(at))
    )
  }

  /** All files of a finished tree in a directory at `at`, until the scope closes. */
  materialise(name: string, at: string): Effect.Effect<string, StoreError, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.try({
        try: () => Fs.mkdirSync(at, { mode: 0o700 }),
        catch: (error) => failed("cannot read a result", error)
      }),
      () => asFarAsPossible(() => removeTree(at))
    ).pipe(
      Effect.zipRight(
        asking("cannot read a result", async (_, signal) =>
          readable(
            await this.workshop.factsOf(this.workshop.resultImage(name), signal),
            this.workshop.resultImage(name)
          )
        )(this.workshop)
      ),
      Effect.flatMap(({ Id }) =>
        Effect.flatMap(materialising, ({ unpack }) => unpack(this.workshop, Id, `${at}/${LAYER}`))
      ),
      Effect.mapError((error) => (error._tag === "ImageProblem" ? toStoreError(error) : error))
    )
  }

  present(path: string): Effect.Effect<boolean, StoreError> {
    const name = nameOf(path)
    return name === undefined ? Effect.succeed(false) : Effect.mapError(this.presence.of(name), toStoreError)
  }

  foresee(paths: ReadonlyArray<string>): Effect.Effect<void, StoreError> {
    const names = paths.map(nameOf).filter((name) => name !== undefined)
    return Effect.mapError(this.presence.foresee(names), toStoreError)
  }

  *look(): Generator<Cooperate.Pause, (path: string) => boolean> {
    const names = yield* this.work("cannot list the images of the store", (_, signal) => this.workshop.finished(signal))
    return (path) => {
      const name = nameOf(path)
      return name !== undefined && names.has(name)
    }
  }

  *measure(path: string): Generator<Cooperate.Pause, Footprint> {
    let [unique, shared] = [0, 0]
    const names = linksIn(path).map(([, name]) => name)
    const { images, volumes } = yield* this.work("cannot measure what is in the store", (calls, signal) =>
      this.usage(calls, signal)
    )
    for (const name of names) {
      const image = images.get(this.workshop.resultImage(name))
      unique += (image?.unique ?? 0) + (volumes.get(this.workshop.objectOf(name)) ?? 0)
      shared += image?.shared ?? 0
    }
    return { unique, shared }
  }

  /** The engine says it of all that it has, which takes it long: who measures many asks once. */
  private async usage(calls: EngineCalls, signal: AbortSignal): Promise<Usage> {
    if (this.measured === undefined || Date.now() - this.measured.at > USAGE_MS) {
      this.measured = { usage: await calls.usage(signal), at: Date.now() }
    }
    return this.measured.usage
  }

  *remove(path: string): Cooperate.Work {
    this.measured = undefined
    const links = linksIn(path)
    const names = new Set(links.map(([, name]) => name))
    if (names.size > 0) {
      yield* this.work("cannot remove from the Docker engine", (_, signal) => this.workshop.discard(names, signal))
      for (const name of names) this.making.delete(name)
      for (const [link] of links) Fs.rmSync(link, { force: true })
    }
    yield* removeTree(path)
  }

  /**
   * Removes what the engine has of trees that nobody has a link to: what it went
   * on with when its client was killed. Links move from a process's space to
   * where things are kept, and are looked for in that order; what has none then
   * had one when the engine was asked, or is nobody's.
   */
  *sweep(): Cooperate.Work {
    const names = yield* this.work("cannot list what is in the store", (_, signal) => this.workshop.names(signal))
    const places = ["tmp", "caches", "results"].map((name) => `${this.root}/${name}`)
    const linked = new Set(places.flatMap((place) => linksIn(place).map(([, name]) => name)))
    const left = new Set([...names].filter((name) => !linked.has(name)))
    yield* this.work("cannot remove from the Docker engine", (_, signal) => this.workshop.discard(left, signal))
  }

  private *work<A>(
    what: string,
    body: (calls: EngineCalls, signal: AbortSignal) => Promise<A>
  ): Generator<Cooperate.Pause, A, void> {
    return yield* Cooperate.wait(asking(what, body)(this.workshop))
  }

  private link(path: string): string {
    const name = this.workshop.newName()
    Fs.symlinkSync(name, path)
    return name
  }
}

/** Loaded when somebody wants an image's files on the host, which a cached build does not. */
const materialising = Effect.promise(() => import("./Materialise.ts"))

const asking =
  <A>(what: string, body: (calls: EngineCalls, signal: AbortSignal) => Promise<A>) =>
  (workshop: Workshop): Effect.Effect<A, StoreError> =>
    Effect.mapError(
      attempt(what, async (signal) => body(await workshop.calls, signal)),
      toStoreError
    )

const copying = (tree: DockerTree, request: CopyRequest): ReturnType<Workspace["copy"]> =>
  Effect.gen(function* () {
    const isEngines = "archive" in request.source
    const contents = isEngines ? new Map() : yield* contentsOf(request)
    const refused = yield* attempt("cannot copy into an image", async (signal) => {
      const isWindows = await tree.workshop.isWindows(signal)
      const { copy } = isWindows ? await import("./WindowsCopy.ts") : await import("./DockerCopy.ts")
      try {
        await copy(tree, { ...request, contents }, signal)
      } catch (error) {
        if (error instanceof CopyError) return error
        throw error
      }
      return undefined
    }).pipe(Effect.mapError(toStoreError))
    if (refused !== undefined) yield* refused
  })

/** The layers of Windows are no tars of what is in them. */
const readable = (image: ImageFacts, name: string): ImageFacts => {
  if (image.Os !== "windows") return image
  throw problem(
    "the files of an image of Windows cannot be read here",
    `the engine itself can save it, or give it another name: docker tag ${name} NAME`
  )
}

export const toStoreError = ({ cause, hint, message }: ImageProblem): StoreError =>
  new StoreError({ message, hint, cause })

const failed = (what: string, error: unknown): StoreError =>
  error instanceof StoreError
    ? error
    : new StoreError({ message: `${what}: ${(error as Error).message}`, hint: Option.none(), cause: error })
