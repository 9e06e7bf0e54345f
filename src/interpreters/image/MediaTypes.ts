/** What parts of an image are called: image-spec 1.1, `media-types.md`. */
import type { Compression } from "./LayerFile.ts"

export const MANIFEST = "application/vnd.oci.image.manifest.v1+json"
export const INDEX = "application/vnd.oci.image.index.v1+json"
export const CONFIG = "application/vnd.oci.image.config.v1+json"
export const EMPTY = "application/vnd.oci.empty.v1+json"
const LAYER = "application/vnd.oci.image.layer.v1.tar"

export const layerType = (compression: Compression): string =>
  compression === "none" ? LAYER : `${LAYER}+${compression}`

/** OCI's name for a layer that may have Docker's: the bytes are the same. */
export const ociLayerType = (mediaType: string): string => {
  const docker = /^application\/vnd\.docker\.image\.rootfs\.diff\.tar(?:[.+](gzip|zstd))?$/.exec(mediaType)
  if (docker === null) return mediaType
  return docker[1] === undefined ? LAYER : `${LAYER}+${docker[1]}`
}
