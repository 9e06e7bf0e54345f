/** Results as images in registries. */
import * as Effect from "effect/Effect"
import { fullName, type RegistryReference } from "../../domain/ImageReference.ts"
import * as Option from "effect/Option"
import type { Pushing } from "../registry/Pushing.ts"
import type { Services, Wanted } from "./Export.ts"
import * as Provenance from "./Provenance.ts"
import * as ResultImage from "./ResultImage.ts"
import { bring } from "./Target.ts"

/** Brings a result to a registry, and to what `to` opened for that. Gives the image's digest there. */
export const push = (
  services: Services,
  { attests, id, options }: Omit<Wanted, "name">,
  to: { readonly image: RegistryReference; readonly pushing: Pushing }
): Effect.Effect<string, ResultImage.Failure> =>
  Effect.gen(function* () {
    const image = yield* ResultImage.make({ ...services, compression: "gzip" }, id, options)
    const documents = yield* bring(image, to.pushing)
    if (attests) {
      const statement = Provenance.statement(image, documents, Option.some(fullName(to.image)))
      yield* to.pushing.attach(Provenance.attestation(statement, documents), documents.manifest)
    }
    return documents.manifest.digest
  }).pipe(Effect.scoped)
