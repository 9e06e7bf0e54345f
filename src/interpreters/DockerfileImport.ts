/** Imports a Dockerfile: looks at what it asks for in the source directory and in registries, and nowhere else. Reads only. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Path from "node:path"
import { visible } from "../domain/DisplayText.ts"
import { fromProblem, SpecError } from "../domain/SpecError.ts"
import * as Source from "../domain/Source.ts"
import * as Utf8 from "../domain/Utf8.ts"
import type { Dockerfile } from "../domain/dockerfile/Dockerfile.ts"
import { type Ignore, parseIgnore, patternsOf } from "../domain/dockerfile/Dockerignore.ts"
import { importDockerfile } from "../domain/dockerfile/Import.ts"
import type {
  Archive,
  Asked,
  BaseFacts,
  ContextEntry,
  ImportFacts,
  ImportOptions
} from "../domain/dockerfile/ImportFacts.ts"
import type { Imported } from "../domain/dockerfile/Imported.ts"
import { BaseImages } from "./BaseImages.ts"
import * as ContextListing from "./host/ContextListing.ts"
import { ignoreFile as readIgnoreFile } from "./host/IgnoreFile.ts"
import { inside } from "./host/SourceDirectory.ts"
import * as Cooperate from "./host/Cooperate.ts"
import { SourceError } from "./SourceTree.ts"

export interface ImportRequest extends ImportOptions {
  readonly dockerfile: Dockerfile
  /** The source directory: an absolute path. */
  readonly context: string
  /** The path of a list for this Dockerfile alone: if it is there it is used instead of `.dockerignore`. */
  readonly ignoreFile?: string | undefined
  /** An absolute path that is left out if it is in the source directory: a store's own. */
  readonly without?: string | undefined
}

/** Each asks for something new, so that only links that lead to links need many. */
const MAX_ROUNDS = 1000

export const importFrom = (request: ImportRequest): Effect.Effect<Imported, SpecError | SourceError, BaseImages> =>
  Effect.gen(function* () {
    const context = new Map<string, ContextEntry | undefined>()
    const archives = new Map<string, Archive | undefined>()
    const bases = new Map<string, BaseFacts>()
    let ignore: Ignore | undefined
    const without = inside(request.context, request.without)
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const facts: ImportFacts = { context, archives, bases, patterns: ignore === undefined ? [] : patternsOf(ignore) }
      const { asked, result } = importDockerfile(request.dockerfile, facts, request)
      if (isNothing(asked)) return yield* result
      for (const name of asked.context) {
        ignore ??= yield* ignoreOf(request)
        const options = { root: request.context, ignore, without }
        context.set(
          name,
          yield* Cooperate.run(
            () => ContextListing.listing(options, name),
            (error) => sourceError(name, error)
          )
        )
      }
      for (const path of asked.archives) {
        archives.set(path, yield* attempt(path, () => ContextListing.archiveAt(request.context, path)))
      }
      for (const [base, span] of asked.bases) {
        const images = yield* BaseImages
        const known = yield* Effect.mapError(
          images.resolve(base),
          ({ hint, message }) =>
            new SpecError({ ...request.dockerfile.source, span, message, hint, expected: Option.none() })
        )
        bases.set(base, known)
      }
    }
    return yield* new SourceError({ path: "", message: "this Dockerfile asks for too much", hint: Option.none() })
  })

const isNothing = ({ archives, bases, context }: Asked): boolean =>
  archives.size === 0 && context.size === 0 && bases.size === 0

const attempt = <A>(path: string, read: () => A): Effect.Effect<A, SourceError> =>
  Effect.try({ try: read, catch: (error) => sourceError(path, error) })

const sourceError = (path: string, error: unknown): SourceError =>
  new SourceError({
    path,
    message: visible(error instanceof Error ? error.message : String(error)),
    hint: Option.none()
  })

const LIST = ".dockerignore"

const listAt = ({ context }: ImportRequest, path: string): Uint8Array | undefined =>
  readIgnoreFile({ directory: Path.dirname(path), name: Path.basename(path), context })

const ignoreOf = (request: ImportRequest): Effect.Effect<Ignore, SpecError | SourceError> =>
  Effect.gen(function* () {
    const { ignoreFile = "" } = request
    const own = ignoreFile === "" ? undefined : yield* attempt(ignoreFile, () => listAt(request, ignoreFile))
    const bytes = own ?? (yield* attempt(LIST, () => listAt(request, Path.join(request.context, LIST))))
    if (bytes === undefined) return parseIgnore("")
    const name = own === undefined ? LIST : ignoreFile
    const text = Either.getOrElse(Utf8.decode(bytes), () => Utf8.decodeLossy(bytes))
    const ignore = parseIgnore(text)
    const [problem] = ignore.problems
    return problem === undefined ? ignore : yield* fromProblem(Source.make(name, text), problem)
  })
