/**
 * What a spec's `(from …)` can say: names of images as containers-transports(5)
 * writes them, three of this project's own, and references to registries.
 */
import * as Data from "effect/Data"
import * as Either from "effect/Either"
import * as Option from "effect/Option"

/** Which image of a layout or an archive is meant. */
export type ImageChoice =
  /** None is named: the only one there is. */
  | { readonly _tag: "Only" }
  /** `:NAME`. */
  | { readonly _tag: "Named"; readonly name: string }
  /** `:@N`, counted from 0 in the order of the index. */
  | { readonly _tag: "Index"; readonly index: number }

/** A name for an image in a registry, in distribution's grammar and in full (`docker.io/library/busybox`). */
export interface RegistryReference {
  readonly domain: string
  readonly repository: string
  readonly tag: Option.Option<string>
  /** `sha256:…`. */
  readonly digest: Option.Option<string>
}

/** Paths are as the spec has them: relative ones are relative to the source directory. */
export type ImageReference =
  /** `oci:PATH[:REF]`: an OCI image layout. */
  | { readonly _tag: "Oci"; readonly path: string; readonly choice: ImageChoice }
  /** `oci-archive:PATH[:REF]`: the same in a tar. */
  | { readonly _tag: "OciArchive"; readonly path: string; readonly choice: ImageChoice }
  /** `docker-archive:PATH[:REF]`: what `docker save` writes. A `Named` choice is in {@link fullName}'s form. */
  | { readonly _tag: "DockerArchive"; readonly path: string; readonly choice: ImageChoice }
  /** `docker-daemon:NAME[:TAG]` or `docker-daemon:sha256:ID`, of which the name is in {@link fullName}'s form. */
  | { readonly _tag: "DockerDaemon"; readonly name: string }
  /** `rootfs:PATH`: a directory, or a tar of one. */
  | { readonly _tag: "Rootfs"; readonly path: string }
  /** `zfs:POOL/DATASET@SNAPSHOT`: a snapshot of a file system of ZFS. */
  | { readonly _tag: "Zfs"; readonly snapshot: string }
  /** `scratch`: the empty root file system. */
  | { readonly _tag: "Scratch" }
  /** `busybox`, `localhost:5000/a/b:c`, `docker://…`. */
  | { readonly _tag: "Registry"; readonly image: RegistryReference }

/** A `(from …)` that names no image. */
export class ImageReferenceError extends Data.TaggedError("ImageReferenceError")<{
  readonly reference: string
  readonly message: string
  readonly hint: Option.Option<string>
}> {}

type Parsed<A> = Either.Either<A, ImageReferenceError>

const MAX_NAME = 255
const DEFAULT_DOMAIN = "docker.io"

const component = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/
const host =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?$/
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
const digestPattern = /^sha256:[0-9a-f]{64}$|^sha512:[0-9a-f]{128}$/

/** What Docker calls an image. */
const idPattern = /^sha256:[0-9a-f]{64}$/

/** A dataset's name, of which no part is `.` or `..`, and a snapshot's. */
const snapshotPattern = /^[A-Za-z][\w.:-]*(?:\/(?!\.\.?(?:[/@]|$))[\w.:-]+)*@[\w.:-]+$/

/** Transports of containers-transports(5) that name no file that could be read here. */
const foreignTransports = ["containers-storage", "dir", "ostree", "sif", "tarball"]

/** Reads what stands in `(from …)`. Pure and total. */
export const parse = (reference: string): Parsed<ImageReference> => {
  const fail = (message: string, hint?: string) => failure(reference, message, hint)
  if (reference === "") return fail("the base image has no name", examples)
  if (reference.includes("\0")) return fail("the name of a base image cannot hold a NUL")
  if (reference === "scratch") return Either.right({ _tag: "Scratch" })
  const [transport, rest] = splitOnce(reference, ":")
  switch (rest === undefined ? "" : transport) {
    case "oci":
      return located(reference, rest, layoutChoice, (at) => ({ _tag: "Oci", ...at }))
    case "oci-archive":
      return located(reference, rest, layoutChoice, (at) => ({ _tag: "OciArchive", ...at }))
    case "docker-archive":
      return located(reference, rest, dockerChoice, (at) => ({ _tag: "DockerArchive", ...at }))
    case "docker-daemon":
      if (rest === undefined) break
      return Either.map(daemonName(reference, rest), (name) => ({ _tag: "DockerDaemon", name }))
    case "rootfs":
      return rest === undefined || rest === ""
        ? fail(`there is no path after "rootfs:"`, "write rootfs:PATH, PATH being a directory or a tar")
        : Either.right({ _tag: "Rootfs", path: rest })
    case "zfs":
      if (rest === undefined) break
      return snapshotPattern.test(rest) && rest.length <= MAX_NAME
        ? Either.right({ _tag: "Zfs", snapshot: rest })
        : fail(
            `"${rest}" is no name of a ZFS snapshot`,
            "write zfs:POOL/DATASET@SNAPSHOT, one of those that zfs list -t snapshot shows"
          )
    case "docker":
      // Without the slashes it is a tag of the image called "docker".
      if (rest?.startsWith("//") === true) return registry(reference, rest.slice(2))
      break
    default:
      if (foreignTransports.includes(transport)) {
        return fail(
          `images from "${transport}:" are not supported`,
          `copy the image into a layout (skopeo copy ${reference} oci:PATH) and write (from oci:PATH)`
        )
      }
  }
  if (/^[./]/.test(reference)) {
    return fail(`"${reference}" is a path, and does not say what is there`, examples)
  }
  return registry(reference, reference)
}

/** What names an image that is read from this machine. */
export const localTransports: ReadonlyArray<string> = [
  "oci",
  "oci-archive",
  "docker-archive",
  "docker-daemon",
  "rootfs",
  "zfs"
]

const examples = "write for example oci:PATH, docker-archive:PATH, rootfs:PATH or scratch"

const failure = (reference: string, message: string, hint?: string): Either.Either<never, ImageReferenceError> =>
  Either.left(new ImageReferenceError({ reference, message, hint: Option.fromNullable(hint) }))

const splitOnce = (text: string, separator: string): readonly [string, string | undefined] => {
  const at = text.indexOf(separator)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)]
}

/** `PATH[:REF]`; as in containers/image the path ends at the first colon. */
const located = (
  reference: string,
  rest: string | undefined,
  choice: (reference: string, text: string) => Parsed<ImageChoice>,
  make: (at: { readonly path: string; readonly choice: ImageChoice }) => ImageReference
): Parsed<ImageReference> => {
  const [path, ref] = splitOnce(rest ?? "", ":")
  const transport = splitOnce(reference, ":")[0]
  if (path === "") {
    return failure(
      reference,
      `there is no path after "${transport}:"`,
      `write ${transport}:PATH or ${transport}:PATH:REF`
    )
  }
  const chosen: Parsed<ImageChoice> = ref === undefined ? Either.right({ _tag: "Only" }) : choice(reference, ref)
  return Either.map(chosen, (choice) => make({ path, choice }))
}

const indexChoice = (reference: string, text: string): Option.Option<Parsed<ImageChoice>> => {
  if (!text.startsWith("@")) return Option.none()
  const index = Number(text.slice(1))
  return Option.some(
    /^@[0-9]+$/.test(text) && Number.isSafeInteger(index)
      ? Either.right({ _tag: "Index", index })
      : failure(reference, `"${text}" is not the number of an image`, "write @0 for the first image, @1 for the second")
  )
}

const layoutChoice = (reference: string, text: string): Parsed<ImageChoice> =>
  Option.getOrElse(indexChoice(reference, text), () =>
    text === ""
      ? failure(
          reference,
          "the name of the image after the last colon is empty",
          "leave the colon out, or name an image"
        )
      : Either.right({ _tag: "Named", name: text })
  )

const dockerChoice = (reference: string, text: string): Parsed<ImageChoice> =>
  Option.getOrElse(indexChoice(reference, text), () =>
    Either.flatMap(parseName(reference, text), (image) =>
      Option.isSome(image.digest)
        ? failure(
            reference,
            "an image in a docker-archive cannot be named by its digest: such an archive has none",
            "write NAME:TAG, or @N for the N-th image, counted from 0"
          )
        : Either.right({ _tag: "Named", name: fullName(image) })
    )
  )

/** An id in full, or a name; not both, and no part of an id, which might be a name as well. */
const daemonName = (reference: string, text: string): Parsed<string> => {
  const usage = "write docker-daemon:NAME:TAG, or docker-daemon:sha256:ID with the image's whole id"
  if (text === "") return failure(reference, `there is no name after "docker-daemon:"`, usage)
  if (idPattern.test(text)) return Either.right(text)
  if (/^sha256(?::|$)|^[0-9a-f]{64}$/.test(text) || digestPattern.test(text)) {
    return failure(reference, `"${text}" is not an image's id`, usage)
  }
  return Either.flatMap(parseName(reference, text), (image) =>
    Option.isSome(image.tag) && Option.isSome(image.digest)
      ? failure(reference, "an image of a Docker engine is named by a tag or by a digest, not by both", usage)
      : Either.right(fullName(image))
  )
}

const registry = (reference: string, name: string): Parsed<ImageReference> =>
  Either.map(parseName(reference, name), (image) => ({ _tag: "Registry", image }))

/** Reads `[DOMAIN/]REPOSITORY[:TAG][@DIGEST]`, the grammar of distribution's `reference` package. */
const parseName = (reference: string, text: string): Parsed<RegistryReference> => {
  const fail = (message: string, hint?: string) => failure(reference, message, hint)
  const [tagged, digest] = splitOnce(text, "@")
  if (digest !== undefined && !digestPattern.test(digest)) {
    return fail(`"${digest}" is not a digest`, "a digest is sha256: and 64 lower-case hexadecimal digits")
  }
  const colon = tagged.lastIndexOf(":")
  const hasTag = colon > tagged.lastIndexOf("/")
  const name = hasTag ? tagged.slice(0, colon) : tagged
  const tag = hasTag ? tagged.slice(colon + 1) : undefined
  if (tag !== undefined && !tagPattern.test(tag)) {
    return fail(
      `"${tag}" is not a tag`,
      `a tag is up to 128 letters, digits, "_", "." and "-", and starts with neither of the last two`
    )
  }
  if (name.length > MAX_NAME) return fail(`the name of the image is longer than ${MAX_NAME} characters`)
  const [first, others] = splitOnce(name, "/")
  const hasDomain =
    others !== undefined && (/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase())
  const domain = hasDomain && first !== "index.docker.io" ? first : DEFAULT_DOMAIN
  const path = hasDomain ? others : name
  if (!host.test(domain)) return fail(`"${domain}" is not the name of a registry`)
  const wrong = path.split("/").find((part) => !component.test(part))
  if (wrong !== undefined) {
    return fail(
      path === "" ? "the image has no name" : `"${wrong}" cannot be part of an image's name`,
      component.test(wrong.toLowerCase()) ? "names of images are in lower case" : examples
    )
  }
  if (!hasDomain && /^[0-9a-f]{64}$/.test(path)) {
    return fail("64 hexadecimal digits alone name no image", "write NAME@sha256:DIGEST")
  }
  return Either.right({
    domain,
    repository: domain === DEFAULT_DOMAIN && !path.includes("/") ? `library/${path}` : path,
    tag: Option.fromNullable(tag),
    digest: Option.fromNullable(digest)
  })
}

/** An image's name in full: `docker.io/library/busybox:latest`, or with `@DIGEST` where it has one. */
export const fullName = (image: RegistryReference): string => {
  const name = `${image.domain}/${image.repository}`
  const tag = Option.orElse(image.tag, () => (Option.isSome(image.digest) ? Option.none() : Option.some("latest")))
  return `${name}${Option.match(tag, { onNone: () => "", onSome: (text) => `:${text}` })}${Option.match(image.digest, {
    onNone: () => "",
    onSome: (text) => `@${text}`
  })}`
}

/** As Docker shows a name: without its own registry, and without `library/` in that. */
export const familiarName = (image: RegistryReference): string =>
  image.domain === DEFAULT_DOMAIN
    ? fullName(image).replace(/^docker\.io\/(?:library\/(?=[^/]+$))?/, "")
    : fullName(image)

/** The full name that a text names, such as a tag in a docker-archive's list. */
export const normalise = (name: string): Option.Option<string> =>
  Option.map(Either.getRight(parseName(name, name)), fullName)
