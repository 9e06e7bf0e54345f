/**
 * What a result was made of and by what, as an in-toto statement (v1) with SLSA
 * provenance (v1), and the manifest that says of an image that this is about it.
 * Pure; secrets are named in it, and nobody's values are.
 */
import canonicalize from "canonicalize"
import * as Option from "effect/Option"
import type { RunStep, Step } from "../../plan/Plan.ts"
import { hex } from "../base/ImageSchemas.ts"
import type { Recipe } from "../Notes.ts"
import { descriptorOf, type Document, document, type Documents, literal, time } from "./ImageDocuments.ts"
import * as MediaTypes from "./MediaTypes.ts"
import type { Made } from "./ResultHistory.ts"
import type { ResultImage } from "./ResultImage.ts"

const STATEMENT = "https://in-toto.io/Statement/v1"
const PREDICATE = "https://slsa.dev/provenance/v1"
/** How the steps are to be read: `docs/plan-format.md`. */
const BUILD_TYPE = "urn:obuilder:plan:1"
const BUILDER = "urn:obuilder"
export const IN_TOTO = "application/vnd.in-toto+json"

/** Of an image that a result was made into; `name` is what it is called. */
export const statement = (image: ResultImage, { manifest }: Documents, name: Option.Option<string>): string => {
  const all = [...image.nested, ...image.made]
  return (
    canonicalize({
      _type: STATEMENT,
      subject: [{ name: Option.getOrElse(name, () => image.id), digest: { sha256: hex(manifest.digest) } }],
      predicateType: PREDICATE,
      predicate: {
        buildDefinition: {
          buildType: BUILD_TYPE,
          externalParameters: {
            result: image.id,
            ...Option.match(image.planned, { onNone: () => ({}), onSome: (plan) => ({ plan }) }),
            settings: image.settings,
            steps: image.made.map(stepOf),
            ...(image.nested.length === 0 ? {} : { copiedFrom: image.nested.map(stepOf) })
          },
          resolvedDependencies: all.flatMap(({ recipe }) => Option.toArray(recipe)).flatMap(dependencies)
        },
        runDetails: {
          builder: { id: BUILDER },
          metadata: { invocationId: image.id, startedOn: time(image.begun), finishedOn: time(image.created) }
        }
      }
    }) ?? ""
  )
}

const stepOf = ({ info, recipe }: Made): object => ({
  id: info.id,
  ...Option.match(recipe, { onNone: () => ({ step: info.heading }), onSome: ({ step }) => parameters(step) })
})

const parameters = (step: Step): object => {
  const { heading } = step
  switch (step.kind) {
    case "base":
      return { heading, kind: step.kind, reference: step.reference, platform: step.platform }
    case "run":
      return { heading, kind: step.kind, ...runParameters(step) }
    case "copy":
      return {
        heading,
        kind: step.kind,
        src: step.src,
        exclude: step.exclude,
        ...(step.contents === true ? { contents: true } : {}),
        ...(step.preserve === undefined ? {} : { preserve: step.preserve }),
        destination: step.destination,
        user: step.user,
        from: step.source.from === "build" ? step.source.build : "context"
      }
  }
}

const runParameters = ({ argv, caches, cwd, environment, network, secrets, user }: RunStep) => ({
  argv,
  cwd,
  user,
  environment,
  network,
  caches,
  secrets
})

/** What came from outside: bases, and what was copied from a source directory. */
const dependencies = ({ copied, step }: Recipe): ReadonlyArray<object> => {
  if (step.kind === "base") {
    const digest = { sha256: step.digest }
    return [{ name: step.reference, digest, annotations: { format: step.format, platform: step.platform } }]
  }
  if (step.kind !== "copy" || copied === null || copied.from !== null) return []
  const annotations = { format: "obuilder manifest", src: step.src, exclude: step.exclude }
  return [{ name: "source directory", digest: { sha256: copied.digest }, annotations }]
}

/** What is put beside an image. */
export interface Attestation {
  /** All of it, the manifest last. */
  readonly documents: ReadonlyArray<Document>
  readonly manifest: Document
  readonly artifactType: string
}

/** A statement as an artifact that refers to its image. */
export const attestation = (text: string, { manifest }: Documents): Attestation => {
  const layer = literal(IN_TOTO, text)
  const empty = literal(MediaTypes.EMPTY, "{}")
  const own = document(MediaTypes.MANIFEST, {
    schemaVersion: 2,
    mediaType: MediaTypes.MANIFEST,
    artifactType: IN_TOTO,
    config: descriptorOf(empty),
    layers: [{ ...descriptorOf(layer), annotations: { "in-toto.io/predicate-type": PREDICATE } }],
    subject: descriptorOf(manifest)
  })
  return { documents: [layer, empty, own], manifest: own, artifactType: IN_TOTO }
}
