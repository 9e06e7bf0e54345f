/** The files of an engine's images on the host, and those of the host as an image. */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { dirname } from "node:path"
import { attempt, type ImageProblem, problem } from "../base/ImageProblem.ts"
import * as Platform from "../base/Platform.ts"
import { defaultLimits } from "../base/UnpackLayers.ts"
import * as Cooperate from "../host/Cooperate.ts"
import { LayeredTree } from "../host/LayeredTree.ts"
import { remove } from "../host/RemoveTree.ts"
import { writeTree } from "../host/TreeTar.ts"
import { LAYER } from "../store/local/Layout.ts"
import type { DockerTree } from "./DockerTree.ts"
import type { ImageConfig } from "./EngineCalls.ts"
import * as FedStream from "./FedStream.ts"
import * as SavedImage from "./SavedImage.ts"
import * as Specials from "./Specials.ts"
import type { Workshop } from "./Workshop.ts"

/** Unpacks the image of an id into a directory that is made for it; gives that. */
export const unpack = (workshop: Workshop, id: string, root: string): Effect.Effect<string, ImageProblem> =>
  SavedImage.unpack({ environment: workshop.environment, root, limits: defaultLimits }, async (take, signal) => {
    const calls = await workshop.calls
    const { Architecture, Os, Variant } = await workshop.factsOf(id, signal)
    const variant = Variant === undefined || Variant === "" ? "" : `/${Variant}`
    Fs.mkdirSync(dirname(root), { recursive: true, mode: 0o700 })
    Fs.mkdirSync(root, { mode: 0o755 })
    Fs.chmodSync(root, 0o755)
    const platform = Platform.parse(`${Os}/${Architecture}${variant}`)
    return await take({ archive: calls.save(id, signal), id, platform, name: calls.name })
  }).pipe(Effect.as(root))

/** Makes a directory's files what a tree is. */
export const fill = (tree: DockerTree, root: string, config: ImageConfig): Effect.Effect<void, ImageProblem> =>
  Effect.gen(function* () {
    const present = new Set(
      Specials.SPECIALS.filter((path) => Fs.lstatSync(`${root}${path}`, { throwIfNoEntry: false }) !== undefined)
    )
    const whiteout = yield* whiteoutIn(root)
    if (whiteout !== undefined) {
      return yield* problem(`${whiteout} cannot be in an image: Docker takes names that begin with .wh. for deletions`)
    }
    const { stream: tar, write } = yield* FedStream.make
    const onError = (cause: unknown) => problem(`cannot read ${root}: ${(cause as Error).message}`, undefined, cause)
    const writing = Effect.zipRight(
      writeTree(new LayeredTree([root]), "tar", write, { latest: Number.POSITIVE_INFINITY, onError }),
      Effect.sync(() => tar.end())
    )
    const importing = attempt("cannot make an image", (signal) => {
      // What is whole by then is waited for, and what is not the engine drops.
      signal.addEventListener("abort", () => tar.destroy())
      return tree.workshop.fill(tree, tar, config, present, signal)
    })
    yield* Effect.all([writing, importing], { concurrency: 2, discard: true })
  }).pipe(Effect.scoped)

/** Makes a tree an image of one layer. */
export const flatten = (tree: DockerTree): Effect.Effect<void, ImageProblem> =>
  Effect.acquireUseRelease(
    attempt("cannot look at an image", (signal) => tree.workshop.factsOf(tree.image ?? "", signal)),
    ({ Config, Id }) =>
      Effect.flatMap(unpack(tree.workshop, Id, `${tree.scratch}/${LAYER}`), (root) => fill(tree, root, Config ?? {})),
    () => remove(tree.scratch)
  )

const SLASH = Buffer.from("/")
const WHITEOUT = Buffer.from(".wh.")

/** What an engine would take for a sign that something else is gone, if the directory has such. */
const whiteoutIn = (root: string): Effect.Effect<string | undefined, ImageProblem> =>
  Cooperate.run(
    function* () {
      const pending = [Buffer.from(root)]
      for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
        // Names need not be UTF-8.
        for (const entry of Fs.readdirSync(at, { withFileTypes: true, encoding: "buffer" })) {
          const path = Buffer.concat([at, SLASH, entry.name])
          if (entry.name.subarray(0, WHITEOUT.length).equals(WHITEOUT)) return path.toString().slice(root.length)
          if (entry.isDirectory()) pending.push(path)
        }
        yield
      }
      return undefined
    },
    (cause) => problem(`cannot read ${root}: ${(cause as Error).message}`, undefined, cause)
  )
