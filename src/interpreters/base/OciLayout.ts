/** OCI image layouts (image-spec 1.1): an index, and blobs by their digests. */
import * as Option from "effect/Option"
import { Digest } from "../../domain/Digest.ts"
import type { ImageChoice } from "../../domain/ImageReference.ts"
import * as ByteSource from "./ByteSource.ts"
import type { ImageFiles } from "./ImageFiles.ts"
import { problem } from "./ImageProblem.ts"
import * as Schemas from "./ImageSchemas.ts"
import * as LocalImage from "./LocalImage.ts"
import * as Platform from "./Platform.ts"

/** What containers/image allows a manifest; the rest of the documents are no longer. */
export const MAX_DOCUMENT = 16 * 1024 * 1024
export const MAX_NESTING = 8

/** The digest of the manifest that a choice and a platform mean. Reads indexes only. */
export const find = async (files: ImageFiles, choice: ImageChoice, wanted: Platform.Platform): Promise<Digest> => {
  await checkLayout(files)
  const where = `index.json of ${files.location}`
  const { manifests } = Schemas.decode(Schemas.Index, await document(files, "index.json"), where)
  return manifestOf(files, chosen(files, manifests, choice), wanted)
}

/** The digest of the manifest that a descriptor, which may be that of an index, means for a platform. */
export const manifestOf = async (files: ImageFiles, from: Content, wanted: Platform.Platform): Promise<Digest> => {
  let descriptor = from
  for (let nesting = 0; nesting < MAX_NESTING; nesting++) {
    const what = `the manifest ${descriptor.digest} in ${files.location}`
    const bytes = await blob(files, descriptor, what)
    if (Schemas.shapeOf(bytes, what) === "manifest") return digestOf(descriptor)
    descriptor = suitable(files.location, Schemas.decode(Schemas.Index, bytes, what).manifests, wanted)
  }
  throw problem(`the indexes in ${files.location} are nested more than ${MAX_NESTING} deep`)
}

/** Reads the image with this manifest, and checks the manifest and the configuration against their digests. */
export const load = async (
  files: ImageFiles,
  digest: Digest,
  wanted: Platform.Platform
): Promise<LocalImage.LocalImage> => {
  const what = `the manifest sha256:${digest} in ${files.location}`
  const bytes = await blob(files, { digest: `sha256:${digest}` }, what)
  const manifest = manifestIn(bytes, what)
  const whatConfig = `the configuration ${manifest.config.digest} in ${files.location}`
  const config = await blob(files, manifest.config, whatConfig)
  const layers = (manifest.layers ?? []).map((layer) => {
    const name = `the layer ${layer.digest} in ${files.location}`
    return { name, descriptor: layer, read: () => verified(files, layer, name) }
  })
  return LocalImage.make(digest, { bytes: config, name: whatConfig }, layers, wanted, files.location)
}

/** Reads a manifest, which has to be that of an image that can be unpacked. Throws an `ImageProblem`. */
export const manifestIn = (bytes: Uint8Array, what: string): Schemas.Manifest => {
  if (Schemas.shapeOf(bytes, what) !== "manifest") throw problem(`${what} is an index`)
  const manifest = Schemas.decode(Schemas.Manifest, bytes, what)
  const wrong = manifest.layers?.find((layer) => !Schemas.isLayer(layer.mediaType))
  if (!Schemas.isConfig(manifest.config.mediaType) || wrong !== undefined) {
    const type = wrong === undefined ? manifest.config.mediaType : wrong.mediaType
    throw problem(`${what} is not of an image that could be unpacked: it has a part of type ${JSON.stringify(type)}`)
  }
  return manifest
}

const checkLayout = async (files: ImageFiles): Promise<void> => {
  if (!files.has("index.json")) {
    throw problem(
      `${files.location} is not an OCI image layout: it has no index.json`,
      files.has("manifest.json") ? "it looks like what docker save writes: use docker-archive:PATH" : undefined
    )
  }
  if (!files.has("oci-layout")) return
  const layout = Schemas.decode(Schemas.Layout, await document(files, "oci-layout"), `oci-layout of ${files.location}`)
  if (!layout.imageLayoutVersion.startsWith("1.")) {
    throw problem(`${files.location} is an OCI image layout of version ${layout.imageLayoutVersion}; 1.x is supported`)
  }
}

const document = (files: ImageFiles, name: string): Promise<Buffer> =>
  ByteSource.collect(files.read(name), MAX_DOCUMENT, `${name} of ${files.location}`)

type Content = Pick<Schemas.Descriptor, "digest"> & Partial<Pick<Schemas.Descriptor, "size">>

const verified = (files: ImageFiles, { digest, size }: Content, what: string): ByteSource.ByteSource => {
  const hex = Schemas.hex(digest)
  const source = present(files, `blobs/sha256/${hex}`, what)
  return ByteSource.verified(source, size === undefined ? { digest: hex } : { digest: hex, size }, what)
}

async function* present(files: ImageFiles, name: string, what: string): ByteSource.ByteSource {
  if (!files.has(name)) throw problem(`${what} is not there`, "the image is incomplete: make or copy it again")
  yield* files.read(name)
}

const blob = (files: ImageFiles, content: Content, what: string): Promise<Buffer> =>
  ByteSource.collect(verified(files, content, what), MAX_DOCUMENT, what)

const digestOf = (descriptor: Content): Digest => Digest.make(Schemas.hex(descriptor.digest))

const nameOf = (descriptor: Schemas.Descriptor): string | undefined =>
  descriptor.annotations?.[Schemas.annotationOfName]

const chosen = (
  files: ImageFiles,
  manifests: ReadonlyArray<Schemas.Descriptor>,
  choice: ImageChoice
): Schemas.Descriptor => {
  const names = manifests.map((descriptor, index) => nameOf(descriptor) ?? `@${index}`)
  const listing = names.length === 0 ? "it holds none" : `it holds ${names.join(", ")}`
  switch (choice._tag) {
    case "Only": {
      // Signatures and statements of provenance are listed beside what they are about.
      const images = manifests.filter(({ artifactType }) => artifactType == null || artifactType === "")
      const [first, second] = images.length > 0 ? images : manifests
      if (first !== undefined && second === undefined) return first
      if (first === undefined) throw problem(`there is no image in ${files.location}`)
      throw problem(`there are several images in ${files.location}`, `name one after the path; ${listing}`)
    }
    case "Named": {
      // As in containers/image the first of several counts.
      const found = manifests.find((descriptor) => nameOf(descriptor) === choice.name)
      if (found === undefined) throw problem(`there is no image "${choice.name}" in ${files.location}`, listing)
      return found
    }
    case "Index": {
      const found = manifests[choice.index]
      if (found === undefined) throw problem(`there is no image @${choice.index} in ${files.location}`, listing)
      return found
    }
  }
}

/** The best of an image's variants for a platform; `location` is for messages. One without a platform only where there is nothing else. */
export const suitable = (
  location: string,
  manifests: ReadonlyArray<Schemas.Descriptor>,
  wanted: Platform.Platform
): Schemas.Descriptor => {
  const [only, other] = manifests
  if (only !== undefined && other === undefined && platformOf(only) === undefined) return only
  const ranked = manifests.flatMap((descriptor) => {
    const platform = platformOf(descriptor)
    const rank = platform === undefined ? Option.none() : Platform.suitability(wanted, platform)
    return Option.isSome(rank) ? [{ descriptor, rank: rank.value }] : []
  })
  const [best] = ranked.sort((a, b) => a.rank - b.rank)
  if (best !== undefined) return best.descriptor
  const offered = manifests
    .map(platformOf)
    // Build attestations stand in an index as images for no platform.
    .flatMap((platform) => (platform === undefined || platform.os === "unknown" ? [] : [Platform.format(platform)]))
  throw problem(
    `the image in ${location} is not there for ${Platform.format(wanted)}`,
    offered.length === 0 ? "it names no platform" : `it is there for ${offered.join(", ")}`
  )
}

const platformOf = (descriptor: Schemas.Descriptor): Platform.Platform | undefined =>
  descriptor.platform === undefined || descriptor.platform === null
    ? undefined
    : {
        os: descriptor.platform.os,
        architecture: descriptor.platform.architecture,
        variant: Option.filter(Option.fromNullable(descriptor.platform.variant), (variant) => variant !== "")
      }
