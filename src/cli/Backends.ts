/** The table of backends: a new one is a line here, and its own files under `interpreters`. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { sha256 } from "../domain/Digest.ts"
import * as LocalBaseImages from "../interpreters/base/LocalBaseImages.ts"
import * as DockerBaseImages from "../interpreters/docker/DockerBaseImages.ts"
import * as DockerImages from "../interpreters/docker/DockerImages.ts"
import * as DockerSandbox from "../interpreters/docker/DockerSandbox.ts"
import * as Registries from "../interpreters/registry/Registries.ts"
import { sandboxError } from "../interpreters/sandbox/Failure.ts"
import { isMacOs } from "../interpreters/host/System.ts"
import * as BtrfsStore from "../interpreters/store/BtrfsStore.ts"
import { hashesIn, imagesIn } from "../interpreters/store/local/Layout.ts"
import * as LocalStore from "../interpreters/store/LocalStore.ts"
import * as OverlayfsStore from "../interpreters/store/OverlayfsStore.ts"
import * as RsyncStore from "../interpreters/store/RsyncStore.ts"
import * as XfsStore from "../interpreters/store/XfsStore.ts"
import * as ZfsStore from "../interpreters/store/ZfsStore.ts"
import type { Backend } from "./Backend.ts"
import * as MacBackend from "./MacBackend.ts"
import { ofThisSystem } from "./Sandboxes.ts"

/** What such a store keeps besides results, once it is there. */
const files = (rootOf: (place: string) => Option.Option<string>): Pick<Backend, "hashes" | "images"> => ({
  images: (place, { registries, ...options }) =>
    Effect.gen(function* () {
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
const local = (kind: string, store: Backend["store"]): Backend => ({
  placeIsPath: true,
  takesDirectories: true,
  store,
  sandbox: ofThisSystem,
  ...files((path) => LocalStore.rootOf(kind, path))
})

/** Results and steps in a Docker engine, of which the others need to load nothing. */
const docker = (): Backend => {
  const kept = files((path) => LocalStore.rootOf("docker", path))
  const { env } = process
  return {
    placeIsPath: true,
    takesDirectories: false,
    store: (path) =>
      Effect.flatMap(
        Effect.promise(() => import("../interpreters/docker/DockerStore.ts")),
        (DockerStore) => DockerStore.make({ path, environment: env })
      ),
    sandbox: (options) =>
      options.fastSync
        ? sandboxError("--fast-sync is not for --store=docker:PATH: the engine says what its containers may call")
        : Effect.succeed(
            DockerSandbox.make({
              cpus: given(options.dockerCpus),
              memory: given(options.dockerMemory) ?? given(options.memory),
              isolation: given(options.dockerIsolation),
              network: given(options.dockerNetwork),
              runtime: given(options.runtime)
            })
          ),
    images: (place, options) => Effect.map(kept.images(place, options), (images) => DockerBaseImages.make(images, env)),
    hashes: kept.hashes
  }
}

const given = <A>(flag: Option.Option<A> | undefined): A | undefined =>
  flag === undefined ? undefined : Option.getOrUndefined(flag)

const table: Readonly<Record<string, Backend>> = {
  overlayfs: local("overlayfs", (path) => OverlayfsStore.make({ path })),
  btrfs: local("btrfs", (path) => BtrfsStore.make({ path })),
  xfs: local("xfs", (path) => XfsStore.make({ path })),
  rsync: local("rsync", (path, { rsyncMode }) =>
    RsyncStore.make({ path, mode: Option.getOrElse(rsyncMode, () => "copy") })
  ),
  zfs: {
    ...local("zfs", (dataset, { user }) => (isMacOs() ? MacBackend.store(dataset, user) : ZfsStore.make({ dataset }))),
    placeIsPath: false,
    ...files(ZfsStore.rootOf)
  },
  docker: docker()
}

/** The backends of this program, by kind. */
export const backends: ReadonlyMap<string, Backend> = new Map(Object.entries(table))
