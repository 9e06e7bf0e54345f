/** Images as archives: `oci-archive` and `docker-archive`, as containers-transports(5) calls them. */
import canonicalize from "canonicalize"
import * as Option from "effect/Option"
import { familiarName, type RegistryReference } from "../../domain/ImageReference.ts"
import { hex } from "../base/ImageSchemas.ts"
import { type ArchiveFile, file } from "./ArchiveFile.ts"
import type { Gathered } from "./Gather.ts"
import type { Document } from "./ImageDocuments.ts"
import * as Layout from "./OciLayoutFiles.ts"

/** An OCI image layout in a tar. `extra` are documents besides those of the image, with what the index says of them. */
export const oci = (
  { documents, layers }: Gathered,
  name: Option.Option<string>,
  extra: { readonly documents: ReadonlyArray<Document>; readonly listed: ReadonlyArray<Layout.Listed> }
): ReadonlyArray<ArchiveFile> => {
  const blobs = [
    ...[documents.config, documents.manifest, ...extra.documents].map(({ bytes, digest }) =>
      file(Layout.blobPath(digest), bytes)
    ),
    ...layers.map(({ descriptor: { digest, size }, read }) => ({ name: Layout.blobPath(digest), size, read }))
  ]
  return [
    file("oci-layout", Layout.LAYOUT),
    file("index.json", Layout.index(Layout.newIndex, [Layout.listed(documents.manifest, name), ...extra.listed])),
    ...once(blobs)
  ]
}

/** What `docker save` writes and `docker load` reads. The layers have to be tars. */
export const docker = (
  { documents, layers }: Gathered,
  image: Option.Option<RegistryReference>
): ReadonlyArray<ArchiveFile> => {
  const config = `${hex(documents.config.digest)}.json`
  const files = layers.map(({ descriptor: { digest, size }, read }) => ({ name: `${hex(digest)}.tar`, size, read }))
  const manifest = [
    {
      Config: config,
      RepoTags: Option.match(image, { onNone: () => null, onSome: (one) => [familiarName(one)] }),
      Layers: files.map(({ name }) => name)
    }
  ]
  return [file("manifest.json", canonicalize(manifest) ?? ""), file(config, documents.config.bytes), ...once(files)]
}

/** In order of their names, each one once: layers may be equal. */
const once = (files: ReadonlyArray<ArchiveFile>): ReadonlyArray<ArchiveFile> =>
  [...new Map(files.map((one) => [one.name, one])).values()].sort((a, b) => (a.name < b.name ? -1 : 1))
