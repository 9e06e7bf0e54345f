/** Results written as images and as trees. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { StepId } from "../../domain/Digest.ts"
import type { RegistryReference } from "../../domain/ImageReference.ts"
import * as ArchiveFile from "./ArchiveFile.ts"
import * as Archives from "./Archives.ts"
import { gather } from "./Gather.ts"
import type { Documents } from "./ImageDocuments.ts"
import type { ImageOptions } from "./ImageOptions.ts"
import * as OciDirectory from "./OciDirectory.ts"
import * as Layout from "./OciLayoutFiles.ts"
import * as Provenance from "./Provenance.ts"
import * as ResultImage from "./ResultImage.ts"
import { bring } from "./Target.ts"

export interface Wanted {
  readonly id: StepId
  readonly options: ImageOptions
  /** What the image is called. */
  readonly name: Option.Option<string>
  /** Whether a statement of its provenance goes with it. */
  readonly attests: boolean
}

export type Services = Pick<ResultImage.Request, "store" | "images" | "directory">

/** Into an OCI image layout in a directory, which is made unless it is there. Gives the image's digest. */
export const ociDirectory = (
  services: Omit<Services, "directory">,
  { attests, id, name, options }: Wanted,
  path: string
): Effect.Effect<string, ResultImage.Failure> =>
  Effect.gen(function* () {
    const layout = yield* OciDirectory.open(path)
    const request = { ...services, directory: layout.scratch, compression: "gzip" } as const
    const image = yield* ResultImage.make(request, id, options)
    const documents = yield* bring(image, {
      has: (layer) => Effect.sync(() => layout.has(layer)),
      put: layout.put,
      finish: ({ config, manifest }) => Effect.zipRight(layout.putDocument(config), layout.putDocument(manifest))
    })
    const extra = attests ? besides(image, documents, name) : NOTHING
    yield* Effect.forEach(extra.documents, layout.putDocument, { discard: true })
    yield* layout.list([Layout.listed(documents.manifest, name), ...extra.listed])
    return documents.manifest.digest
  }).pipe(Effect.scoped)

/** As an OCI image layout in a tar. */
export const ociArchive = <E>(
  services: Services,
  { attests, id, name, options }: Wanted,
  write: (chunk: Uint8Array) => Effect.Effect<void, E>
): Effect.Effect<void, E | ResultImage.Failure> =>
  Effect.gen(function* () {
    const image = yield* ResultImage.make({ ...services, compression: "gzip" }, id, options)
    const gathered = yield* gather(image)
    const extra = attests ? besides(image, gathered.documents, name) : NOTHING
    yield* ArchiveFile.write(Archives.oci(gathered, name, extra), write)
  }).pipe(Effect.scoped)

/** As `docker save` writes images; `name` is what it is to be called. */
export const dockerArchive = <E>(
  services: Services,
  { id, name, options }: Pick<Wanted, "id" | "options"> & { readonly name: Option.Option<RegistryReference> },
  write: (chunk: Uint8Array) => Effect.Effect<void, E>
): Effect.Effect<void, E | ResultImage.Failure> =>
  Effect.gen(function* () {
    const image = yield* ResultImage.make({ ...services, compression: "none" }, id, options)
    yield* ArchiveFile.write(Archives.docker(yield* gather(image), name), write)
  }).pipe(Effect.scoped)

/** The statement of the provenance of the image that the other formats write. */
export const provenance = (
  services: Services,
  { id, name, options }: Omit<Wanted, "attests">
): Effect.Effect<string, ResultImage.Failure> =>
  Effect.gen(function* () {
    const image = yield* ResultImage.make({ ...services, compression: "gzip" }, id, options)
    const documents = yield* bring(image, {
      // What is known already need not be made for it.
      has: () => Effect.succeed(true),
      put: () => Effect.void,
      finish: () => Effect.void
    })
    return Provenance.statement(image, documents, name)
  }).pipe(Effect.scoped)

const NOTHING = { documents: [], listed: [] }

/** A statement of the image's provenance, for beside it. */
const besides = (image: ResultImage.ResultImage, documents: Documents, name: Option.Option<string>) => {
  const {
    artifactType,
    documents: all,
    manifest
  } = Provenance.attestation(Provenance.statement(image, documents, name), documents)
  return { documents: all, listed: [Layout.listed(manifest, Option.none(), { artifactType })] }
}
