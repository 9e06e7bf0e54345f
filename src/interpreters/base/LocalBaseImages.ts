/** Base images by every name that there is, and those from files and directories of the host. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { realpathSync } from "node:fs"
import { resolve as resolvePath } from "node:path"
import { type Digest, sha256 } from "../../domain/Digest.ts"
import { suggest } from "../../domain/Suggestion.ts"
import * as ImageReference from "../../domain/ImageReference.ts"
import type { BaseFormat, BaseInput } from "../../domain/Inputs.ts"
import { BaseImageError, BaseImages, type BaseImagesService } from "../BaseImages.ts"
import * as Cooperate from "../host/Cooperate.ts"
import { digestOf, NotAFile } from "../host/HashFile.ts"
import type { HashMemo } from "../host/HashMemo.ts"
import type { DockerImages } from "../docker/DockerImages.ts"
import type { Registries } from "../registry/Registries.ts"
import * as BaseOrigins from "./BaseOrigins.ts"
import * as ByteSource from "./ByteSource.ts"
import * as DockerArchive from "./DockerArchive.ts"
import { attempt, explain, type ImageProblem, problem } from "./ImageProblem.ts"
import * as LocalFiles from "./LocalFiles.ts"
import { defaultEnvironment, type LocalImage } from "./LocalImage.ts"
import * as OciLayout from "./OciLayout.ts"
import * as Platform from "./Platform.ts"
import * as RootfsDirectory from "./RootfsDirectory.ts"
import { defaultLimits, unpackLayers, type UnpackLimits } from "./UnpackLayers.ts"
import type * as ZfsSnapshot from "./ZfsSnapshot.ts"

export interface LocalBaseImagesOptions {
  /** Relative paths of references are relative to it. */
  readonly sourceDirectory: string
  /**
   * Directories that bases may come from, besides the source directory; from
   * anywhere if it is left out. For specs of people who may not read all that
   * this process may.
   */
  readonly within?: ReadonlyArray<string> | undefined
  /** What `within` is called by who gives it, for advice; this, if it is left out. */
  readonly withinName?: string
  /** `os/architecture[/variant]`: which of an image's variants to take. The host's, if it is left out. */
  readonly platform?: string
  /** Remembers digests of the files of `rootfs:` directories; saving it is up to the caller. */
  readonly memo?: HashMemo
  readonly limits?: UnpackLimits
  /** What fetches from registries; bases there cannot be had if it is left out. */
  readonly registries?: Registries
  /** What asks a Docker engine; its images cannot be had if it is left out. */
  readonly docker?: DockerImages
}

/**
 * Bases by `oci:`, `oci-archive:`, `docker-archive:`, `docker-daemon:`,
 * `rootfs:`, `zfs:` and `scratch`, and from registries.
 *
 * What names a base: an OCI image's manifest digest; the configuration digest
 * of an image in a docker-archive or a Docker engine; of a tar of a root file system the digest of its bytes
 * as they are, compressed or not; of a directory that of `RootfsDirectory`; of a
 * snapshot of ZFS its guid.
 * Unpacking goes by that digest, whatever the reference means by then, and
 * checks every byte that it unpacks.
 */
export const layer = (options: LocalBaseImagesOptions): Layer.Layer<BaseImages> =>
  Layer.succeed(BaseImages, make(options))

export interface LocalBaseImagesService extends BaseImagesService {
  /**
   * A reference that means for ever, on any platform, what this one means
   * today; none where it does already, or names something on this machine.
   */
  readonly pin: (reference: string) => Effect.Effect<Option.Option<string>, BaseImageError>
}

export const make = (options: LocalBaseImagesOptions): LocalBaseImagesService => {
  const wanted = options.platform === undefined ? Platform.host() : Platform.parse(options.platform)
  const limits = options.limits ?? defaultLimits
  const { sourceDirectory, within, withinName = "within" } = options
  const locate = (image: Image): Effect.Effect<string, ImageProblem> => {
    if (within !== undefined && image._tag === "DockerDaemon")
      return Effect.fail(notInDirectory(image.name, withinName))
    if (within !== undefined && image._tag === "Zfs")
      return Effect.fail(snapshotNotInDirectory(image.snapshot, withinName))
    const path = "path" in image ? resolvePath(sourceDirectory, image.path) : ""
    if (within === undefined || path === "") return Effect.succeed(path)
    return attempt(`cannot read ${path}`, async () => confined(path, [sourceDirectory, ...within], withinName))
  }

  const parse = (reference: string): Effect.Effect<ImageReference.ImageReference, BaseImageError> =>
    Either.mapLeft(
      ImageReference.parse(reference),
      (error) => new BaseImageError({ ...error, message: error.message, cause: error })
    )

  return {
    resolve: (reference) =>
      Effect.flatMap(parse(reference), (image) =>
        blame(
          reference,
          Effect.flatMap(locate(image), (path) => resolveImage(image, path, wanted, options))
        )
      ),
    pin: (reference) =>
      Effect.flatMap(parse(reference), (image) =>
        image._tag !== "Registry" || Option.isSome(image.image.digest)
          ? Effect.succeedNone
          : blame(reference, Effect.asSome(pinned(reference, image.image, options.registries)))
      ),
    unpack: (reference, base, rootfs) =>
      Effect.flatMap(parse(reference), (image) =>
        blame(
          reference,
          base.platform.startsWith("windows/")
            ? Effect.fail(forWindows())
            : rootfs._tag === "Directory"
              ? Effect.flatMap(locate(image), (path) =>
                  unpackImage(image, path, base.digest, wanted, rootfs.path, limits, options)
                ).pipe(Effect.map((unpacked) => BaseOrigins.of(unpacked, sourceDirectory)))
              : Effect.fail(
                  problem("this store cannot hold bases from local files: it gives no directory to unpack to")
                )
        )
      ),
    directory: resolvePath(sourceDirectory),
    layers: (reference, base, directory) =>
      Effect.flatMap(parse(reference), (image) => {
        const path = "path" in image ? resolvePath(directory, image.path) : ""
        return blame(reference, BaseOrigins.layers(image, path, base, options.registries))
      })
  }
}

/** As it is written, so that a reader still sees the tag. */
const pinned = (
  reference: string,
  image: ImageReference.RegistryReference,
  registries: Registries | undefined
): Effect.Effect<string, ImageProblem> =>
  registries === undefined
    ? Effect.fail(noRegistries(image))
    : Effect.mapBoth(registries.digestOf(image), {
        onSuccess: (digest) => `${reference}@sha256:${digest}`,
        onFailure: (failure) => suggesting(image, failure)
      })

const blame = <A, R>(
  reference: string,
  effect: Effect.Effect<A, ImageProblem, R>
): Effect.Effect<A, BaseImageError, R> =>
  Effect.mapError(effect, ({ cause, hint, message }) => new BaseImageError({ reference, message, hint, cause }))

type Image = ImageReference.ImageReference

/** The path without links, if it is in one of these directories or is one of them. */
const confined = (path: string, directories: ReadonlyArray<string>, option: string): string => {
  LocalFiles.kindOf(path)
  const real = realpathSync(path)
  const isIn = (directory: string): boolean => `${real}/`.startsWith(`${directory === "/" ? "" : directory}/`)
  if (directories.some((directory) => isIn(realpathSync(directory)))) return real
  throw problem(
    `${path} is in none of the directories that bases may come from`,
    `put it into the source directory, or allow its directory with ${option}`
  )
}

/** `path` is the host's; empty for images that have none. */
const resolveImage = (
  image: Image,
  path: string,
  wanted: Platform.Platform,
  { docker, memo, registries }: Pick<LocalBaseImagesOptions, "docker" | "memo" | "registries">
): Effect.Effect<BaseInput, ImageProblem> => {
  const plain = (format: BaseFormat, digest: Digest): BaseInput => ({
    format,
    digest,
    platform: Platform.format(wanted),
    environment: defaultEnvironment
  })
  const described = (
    format: BaseFormat,
    { digest, environment, platform, user, workdir }: Omit<LocalImage, "configuration" | "layers">
  ): BaseInput => ({
    format,
    digest,
    platform: Platform.format(platform),
    environment,
    ...(user === undefined ? {} : { user }),
    ...(workdir === undefined ? {} : { workdir })
  })
  switch (image._tag) {
    case "Scratch":
      return Effect.succeed(plain("scratch", scratchDigest()))
    case "Registry":
      return registries === undefined
        ? Effect.fail(noRegistries(image.image))
        : Effect.mapBoth(registries.resolve(image.image, wanted), {
            onSuccess: (found) => described("oci", found),
            onFailure: (failure) => suggesting(image.image, failure)
          })
    case "Oci":
    case "OciArchive":
      return attempt(`cannot read ${image.path}`, async () => {
        const files = await LocalFiles.open(image, path)
        return described("oci", await OciLayout.load(files, await OciLayout.find(files, image.choice, wanted), wanted))
      })
    case "DockerArchive":
      return attempt(`cannot read ${image.path}`, async () =>
        described("docker", await DockerArchive.find(await LocalFiles.open(image, path), image.choice, wanted))
      )
    case "DockerDaemon":
      return docker === undefined
        ? Effect.fail(noDocker(image.name))
        : Effect.map(docker.resolve(image.name, wanted), (found) => described("docker", found))
    case "Zfs":
      return Effect.map(
        withZfs(({ resolve }) => resolve(image.snapshot)),
        (digest) => plain("zfs", digest)
      )
    case "Rootfs": {
      return isDirectory(path).pipe(
        Effect.flatMap((directory) =>
          directory
            ? Effect.map(directoryDigest(path, memo), (digest) => plain("directory", digest))
            : Effect.map(fileDigest(path, memo), (digest) => plain("tar", digest))
        )
      )
    }
  }
}

/** Gives the image, if it is one. */
const unpackImage = (
  image: Image,
  path: string,
  digest: Digest,
  wanted: Platform.Platform,
  root: string,
  limits: UnpackLimits,
  { docker, registries }: Pick<LocalBaseImagesOptions, "docker" | "registries">
): Effect.Effect<LocalImage | undefined, ImageProblem> => {
  switch (image._tag) {
    case "Scratch":
      return digest === scratchDigest()
        ? Effect.as(unpackLayers([], "layers", root, limits), undefined)
        : Effect.fail(problem(`"scratch" has the digest ${scratchDigest()}, not ${digest}`))
    case "Registry":
      return registries === undefined
        ? Effect.fail(noRegistries(image.image))
        : registries.unpack(image.image, digest, wanted, root, limits)
    case "Oci":
    case "OciArchive":
    case "DockerArchive": {
      const load = image._tag === "DockerArchive" ? DockerArchive.load : OciLayout.load
      return Effect.flatMap(
        attempt(`cannot read ${image.path}`, async () => load(await LocalFiles.open(image, path), digest, wanted)),
        (found) => Effect.as(unpackLayers(found.layers, "layers", root, limits), found)
      )
    }
    case "DockerDaemon":
      return docker === undefined ? Effect.fail(noDocker(image.name)) : docker.unpack(digest, wanted, root, limits)
    case "Zfs":
      return Effect.as(
        withZfs(({ unpack }) => unpack(image.snapshot, digest, root)),
        undefined
      )
    case "Rootfs": {
      const name = `the tar ${path}`
      const read = () => ByteSource.verified(ByteSource.read(path), { digest }, name)
      return Effect.flatMap(isDirectory(path), (directory) =>
        directory ? copyDirectory(path, digest, root) : unpackLayers([{ name, read }], "tar", root, limits)
      ).pipe(Effect.as(undefined))
    }
  }
}

const scratchDigest = (): Digest => sha256("obuilder-scratch-v1\n")

const isDirectory = (path: string): Effect.Effect<boolean, ImageProblem> =>
  attempt(`cannot read ${path}`, async () => LocalFiles.kindOf(path) === "directory")

const fileDigest = (path: string, memo: HashMemo | undefined): Effect.Effect<Digest, ImageProblem> =>
  cooperate(`cannot read ${path}`, function* () {
    const real = realpathSync(path)
    try {
      return (yield* digestOf(real, memo)).digest
    } catch (error) {
      if (!(error instanceof NotAFile)) throw error
      throw problem(`${path} is neither a directory nor a file`, "name a root file system: a directory, or a tar file")
    }
  })

const directoryDigest = (
  path: string,
  memo?: HashMemo,
  given?: RootfsDirectory.Given
): Effect.Effect<Digest, ImageProblem> =>
  cooperate(`cannot read ${path}`, () => RootfsDirectory.digestOf(path, memo, given))

const cooperate = <A>(what: string, work: () => Generator<void, A, void>): Effect.Effect<A, ImageProblem> =>
  Effect.catchAll(
    Cooperate.run(work, (cause) => cause),
    (cause) => explain(what, cause)
  )

/** What has been copied is what is hashed, so that nothing that changes in the meantime goes unseen. */
const copyDirectory = (path: string, digest: Digest, root: string): Effect.Effect<void, ImageProblem> =>
  Effect.gen(function* () {
    const given = yield* attempt(`cannot read ${root}`, async () => RootfsDirectory.givenIn(root, path))
    yield* cooperate(`cannot copy ${path}`, () => RootfsDirectory.copyTo(path, root))
    const copied = yield* directoryDigest(root, undefined, given)
    if (copied === digest) return
    yield* problem(
      `${path} is not what it was when the build was planned`,
      "build again; if nothing writes there, the store's file system cannot hold all that is in it"
    )
  })

/** Of files that only Windows can hold. */
const forWindows = (): ImageProblem =>
  problem("a base for Windows needs a Docker engine that runs containers of Windows", "name a store by docker:PATH")

const noDocker = (name: string): ImageProblem =>
  problem(`${name} is in a Docker engine, and none is asked here`, asArchive(name))

const notInDirectory = (name: string, option: string): ImageProblem =>
  problem(
    `${name} is in a Docker engine, and in none of the directories that bases may come from`,
    `${asArchive(name)}, or leave ${option} out`
  )

const snapshotNotInDirectory = (snapshot: string, option: string): ImageProblem =>
  problem(
    `${snapshot} is a snapshot of ZFS, and in none of the directories that bases may come from`,
    `leave ${option} out`
  )

/** Loaded where such a base is named. */
const withZfs = <A>(
  use: (snapshots: typeof ZfsSnapshot) => Effect.Effect<A, ImageProblem>
): Effect.Effect<A, ImageProblem> =>
  Effect.flatMap(
    Effect.promise(() => import("./ZfsSnapshot.ts")),
    use
  )

const asArchive = (name: string): string =>
  `save it into the source directory (docker save -o image.tar ${name}), and write (from docker-archive:image.tar)`

const noRegistries = (image: ImageReference.RegistryReference): ImageProblem => {
  const name = ImageReference.fullName(image)
  const layout = `oci:${lastName(image)}${tagOf(image)}`
  return suggesting(
    image,
    problem(
      `${name} is in a registry, and nothing is fetched from registries here`,
      `fetch it into the source directory once (skopeo copy docker://${name} ${layout}), and write (from ${layout})`
    )
  )
}

/** Asks first whether something else was meant that is spelled much the same. */
const suggesting = (image: ImageReference.RegistryReference, found: ImageProblem): ImageProblem => {
  const meant = Option.map(
    suggest(lastName(image), ImageReference.localTransports),
    (transport) => `did you mean "${transport}${tagOf(image)}"?`
  )
  if (Option.isNone(meant)) return found
  const hint = Option.match(found.hint, {
    onNone: () => meant.value,
    onSome: (more) => `${meant.value} Otherwise ${more}`
  })
  return problem(found.message, hint, found.cause)
}

const lastName = ({ repository }: ImageReference.RegistryReference): string =>
  repository.slice(repository.lastIndexOf("/") + 1)

const tagOf = ({ tag }: ImageReference.RegistryReference): string =>
  Option.match(tag, { onNone: () => "", onSome: (text) => `:${text}` })
