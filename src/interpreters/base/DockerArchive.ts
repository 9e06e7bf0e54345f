/**
 * Archives as `docker save` writes them: a `manifest.json` that lists images,
 * each a configuration and layers by their names in the archive.
 *
 * Such an archive has no manifest that could be hashed. What names an image in
 * it is the digest of its configuration (Docker's image id), which holds the
 * digest of every layer's tar, and those are checked when it is unpacked.
 */
import * as Option from "effect/Option"
import { type Digest, sha256 } from "../../domain/Digest.ts"
import * as ImageReference from "../../domain/ImageReference.ts"
import * as ByteSource from "./ByteSource.ts"
import type { ImageFiles } from "./ImageFiles.ts"
import { problem } from "./ImageProblem.ts"
import * as Schemas from "./ImageSchemas.ts"
import * as LocalImage from "./LocalImage.ts"
import type * as Platform from "./Platform.ts"

const MAX_DOCUMENT = 16 * 1024 * 1024

type Item = Schemas.DockerList[number]

/** Reads the image that a choice means. */
export const find = async (
  files: ImageFiles,
  choice: ImageReference.ImageChoice,
  wanted: Platform.Platform
): Promise<LocalImage.LocalImage> => read(files, chosen(files, await list(files), choice), wanted)

/** Reads the image whose configuration has this digest, if there is one. */
export const lookUp = async (
  files: ImageFiles,
  digest: Digest,
  wanted: Platform.Platform
): Promise<LocalImage.LocalImage | undefined> => {
  for (const item of await list(files)) {
    const bytes = await configBytes(files, item)
    if (sha256(bytes) === digest) return read(files, item, wanted)
  }
  return undefined
}

/** The same, where there has been one. */
export const load = async (
  files: ImageFiles,
  digest: Digest,
  wanted: Platform.Platform
): Promise<LocalImage.LocalImage> => {
  const found = await lookUp(files, digest, wanted)
  if (found !== undefined) return found
  throw problem(
    `${files.location} no longer holds the image with the configuration sha256:${digest}`,
    "the archive was changed while it was in use: build again"
  )
}

const list = async (files: ImageFiles): Promise<Schemas.DockerList> => {
  if (!files.has("manifest.json")) {
    throw problem(
      `${files.location} is not what docker save writes: it has no manifest.json`,
      files.has("index.json") ? "it looks like an OCI image layout in an archive: use oci-archive:PATH" : undefined
    )
  }
  const what = `manifest.json of ${files.location}`
  return Schemas.decode(
    Schemas.DockerList,
    await ByteSource.collect(files.read("manifest.json"), MAX_DOCUMENT, what),
    what
  )
}

const configBytes = (files: ImageFiles, item: Item): Promise<Buffer> =>
  ByteSource.collect(files.read(item.Config), MAX_DOCUMENT, `${item.Config} of ${files.location}`)

const read = async (files: ImageFiles, item: Item, wanted: Platform.Platform): Promise<LocalImage.LocalImage> => {
  const bytes = await configBytes(files, item)
  const digest = sha256(bytes)
  const claimed = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(item.Config)?.[1]
  if (claimed !== undefined && claimed !== digest) {
    throw problem(
      `${item.Config} of ${files.location} has the digest sha256:${digest}, which is not its name`,
      "it is damaged or was changed: make or copy it again"
    )
  }
  const layers = (item.Layers ?? []).map((name) => ({
    name: `the layer ${name} in ${files.location}`,
    read: () => files.read(name)
  }))
  const name = `${item.Config} of ${files.location}`
  return LocalImage.make(digest, { bytes, name }, layers, wanted, files.location)
}

const chosen = (files: ImageFiles, items: Schemas.DockerList, choice: ImageReference.ImageChoice): Item => {
  const names = items.map((item, index) => (item.RepoTags?.length ? item.RepoTags.join(" or ") : `@${index}`))
  const listing = names.length === 0 ? "it holds none" : `it holds ${names.join(", ")}`
  switch (choice._tag) {
    case "Only": {
      const [first, second] = items
      if (first !== undefined && second === undefined) return first
      if (first === undefined) throw problem(`there is no image in ${files.location}`)
      throw problem(`there are several images in ${files.location}`, `name one after the path; ${listing}`)
    }
    case "Named": {
      const found = items.find((item) =>
        item.RepoTags?.some((tag) => Option.contains(ImageReference.normalise(tag), choice.name))
      )
      if (found === undefined) throw problem(`there is no image "${choice.name}" in ${files.location}`, listing)
      return found
    }
    case "Index": {
      const found = items[choice.index]
      if (found === undefined) throw problem(`there is no image @${choice.index} in ${files.location}`, listing)
      return found
    }
  }
}
