/** Images in files and directories of the host: what is at a path, and whether that is what a reference says. */
import type { ImageReference } from "../../domain/ImageReference.ts"
import * as ImageFiles from "./ImageFiles.ts"
import { problem } from "./ImageProblem.ts"

/** Throws an `ImageProblem` where nothing is. */
export const kindOf = (path: string) => {
  const kind = ImageFiles.kindOf(path)
  if (kind === "missing") throw problem(`there is no ${path}`, "relative paths are relative to the source directory")
  return kind
}

/** Throws an `ImageProblem` where something else is. */
export const open = async (
  image: Extract<ImageReference, { readonly _tag: "Oci" | "OciArchive" | "DockerArchive" }>,
  path: string
): Promise<ImageFiles.ImageFiles> => {
  const kind = kindOf(path)
  if (image._tag === "Oci") {
    if (kind === "directory") return ImageFiles.directory(path)
    throw problem(`${path} is not a directory`, "use oci-archive:PATH or docker-archive:PATH for an archive")
  }
  if (kind === "directory") throw problem(`${path} is a directory`, "use oci:PATH for an image layout in a directory")
  return ImageFiles.archive(path)
}
