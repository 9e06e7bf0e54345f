/** The table of backends: a new one is a line here, and its own files under `interpreters`. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { sha256 } from "../../domain/Digest.ts"
import * as LocalBaseImages from "../base/LocalBaseImages.ts"
import * as DockerBaseImages from "../docker/DockerBaseImages.ts"
import * as DockerImages from "../docker/DockerImages.ts"
import * as DockerSandbox from "../docker/DockerSandbox.ts"
import * as Registries from "../registry/Registries.ts"
import { sandboxError } from "../sandbox/Failure.ts"
import { isMacOs } from "../host/System.ts"
import * as BtrfsStore from "../store/BtrfsStore.ts"
import { hashesIn, imagesIn } from "../store/local/Layout.ts"
import * as LocalStore from "../store/LocalStore.ts"
import * as OverlayfsStore from "../store/OverlayfsStore.ts"
import * as RsyncStore from "../store/RsyncStore.ts"
import * as XfsStore from "../store/XfsStore.ts"
import * as ZfsStore from "../store/ZfsStore.ts"
import type { Backend, OptionNames } from "./Backend.ts"
import * as MacBackend from "./MacBackend.ts"
import { ofThisSystem } from "./Sandboxes.ts"

/** What such a store keeps besides results, once it is there. */
const files = (
  names: OptionNames,
  rootOf: (place: string) => Option.Option<string>
): Pick<Backend, "hashes" | "images"> => ({
  images: (place, { registries, ...given }) =>
    Effect.gen(function* () {
      const options = { ...given, withinName: names.within }
      if (registries === undefined) return LocalBaseImages.make(options)
      const directory = () => Option.getOrUndefined(Option.map(rootOf(place), imagesIn))
      return LocalBaseImages.make({
        ...options,
        registries: yield* Registries.make({ ...registries, directory }),
        docker: DockerImages.make(registries)
      })
    }),
  hashes: (place, sourceDirectory) => Option.map(rootOf(place), (root) => hashesIn(root, sha256(sourceDirectory)))
})

/** Results in a directory of this machine, steps in what its system has to keep them apart. */
const local = (names: OptionNames, kind: string, store: Backend["store"]): Backend => ({
  placeIsPath: true,
  takesDirectories: true,
  store,
  sandbox: ofThisSystem(names),
  ...files(names, (path) => LocalStore.rootOf(kind, path))
})

/** Results and steps in a Docker engine, of which the others need to load nothing. */
const docker = (names: OptionNames): Backend => {
  const kept = files(names, (path) => LocalStore.rootOf("docker", path))
  return {
    placeIsPath: true,
    takesDirectories: false,
    store: (path, { environment = process.env }) =>
      Effect.flatMap(
        Effect.promise(() => import("../docker/DockerStore.ts")),
        (DockerStore) => DockerStore.make({ path, environment })
      ),
    sandbox: (options) =>
      options.fastSync
        ? sandboxError(
            `${names.fastSync} is not for ${names.dockerStore}: the engine says what its containers may call`
          )
        : Effect.succeed(
            DockerSandbox.make({
              cpus: given(options.dockerCpus),
              memory: given(options.dockerMemory) ?? given(options.memory),
              isolation: given(options.dockerIsolation),
              network: given(options.dockerNetwork),
              runtime: given(options.runtime)
            })
          ),
    images: (place, options) => Effect.map(kept.images(place, options), (images) => DockerBaseImages.make(images)),
    hashes: kept.hashes
  }
}

const given = <A>(flag: Option.Option<A> | undefined): A | undefined =>
  flag === undefined ? undefined : Option.getOrUndefined(flag)

/** The backends of this program, by kind. Nothing is made or looked for before one of them is used. */
export const table = (names: OptionNames): ReadonlyMap<string, Backend> =>
  new Map<string, Backend>([
    ["overlayfs", local(names, "overlayfs", (path) => OverlayfsStore.make({ path }))],
    ["btrfs", local(names, "btrfs", (path) => BtrfsStore.make({ path }))],
    ["xfs", local(names, "xfs", (path) => XfsStore.make({ path }))],
    [
      "rsync",
      local(names, "rsync", (path, { rsyncMode }) =>
        RsyncStore.make({ path, mode: Option.getOrElse(rsyncMode, () => "copy") })
      )
    ],
    [
      "zfs",
      {
        ...local(names, "zfs", (dataset, { user }) =>
          isMacOs() ? MacBackend.store(dataset, user) : ZfsStore.make({ dataset })
        ),
        placeIsPath: false,
        ...files(names, ZfsStore.rootOf)
      }
    ],
    ["docker", docker(names)]
  ])
