/** Reads a Dockerfile as a spec. What is otherwise than with Docker is said on standard error. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { visible } from "../domain/DisplayText.ts"
import * as Diagnostic from "../domain/Diagnostic.ts"
import type { Imported } from "../domain/dockerfile/Imported.ts"
import type { SpecError } from "../domain/SpecError.ts"
import * as Platform from "../interpreters/base/Platform.ts"
import type { BaseImages } from "../interpreters/BaseImages.ts"
import * as Colors from "./Colors.ts"
import type { Argument } from "./Decoders.ts"
import { Host } from "./Host.ts"
import { Output, type OutputError, type PipeClosed } from "./Output.ts"
import { type UsageError, usageError } from "./UsageError.ts"

/** What the command line says of a Dockerfile. */
export interface DockerfileFlags {
  readonly buildArg: ReadonlyArray<Argument>
  readonly target: Option.Option<string>
  readonly platform: Option.Option<string>
  readonly color: Option.Option<Colors.When>
}

export interface DockerfileText {
  /** As the user wrote it. */
  readonly name: string
  readonly text: string
  /** Absolute. */
  readonly directory: string
  /** The store's path, if it has one: it is left out of what is copied. */
  readonly store: string | undefined
  /** Whether it is to be built: then the bases are wanted anyway, and looked at. */
  readonly builds: boolean
  /** Whether notes are left out. */
  readonly quiet: boolean
}

export const readDockerfile = (
  { builds, directory, name, quiet, store, text }: DockerfileText,
  flags: DockerfileFlags
): Effect.Effect<Imported, UsageError | SpecError | PipeClosed | OutputError, Host | Output | BaseImages> =>
  Effect.gen(function* () {
    const host = yield* Host
    const { stderr } = yield* Output
    // A build of a spec does without them, and begins sooner.
    const [{ parse }, { importFrom }] = yield* Effect.promise(() =>
      Promise.all([import("../domain/dockerfile/DockerfileParser.ts"), import("../interpreters/DockerfileImport.ts")])
    )
    const dockerfile = yield* parse(text, { file: name === "-" ? "<stdin>" : name })
    const imported = yield* importFrom({
      dockerfile,
      context: directory,
      ignoreFile: name === "-" ? undefined : `${host.absolute(name)}.dockerignore`,
      without: store,
      looksAtBases: builds,
      isKept: !builds,
      contextHint: `${visible(directory)} was looked in: ${builds ? "the last argument" : "--context=DIR"} names another directory`,
      buildArguments: valuesOf(flags.buildArg, host.environment),
      target: Option.getOrUndefined(flags.target),
      platform: Option.getOrElse(flags.platform, () => Platform.format({ ...Platform.host(), os: "linux" }))
    }).pipe(
      Effect.catchTag("SourceError", (error) =>
        Effect.fail(usageError(`cannot read the source directory: ${error.message}`))
      )
    )
    if (quiet) return imported
    const color = Colors.enabled(flags.color, stderr, host)
    for (const { hint, message, span } of imported.notes) {
      const note = { ...imported, severity: "note", span, message, hint: Option.fromNullable(hint) } as const
      yield* stderr.write(`${Diagnostic.render(note, { color })}\n`)
    }
    return imported
  })

/** One that has no value, and none in the environment, is as if it were not given. */
const valuesOf = (
  given: ReadonlyArray<Argument>,
  environment: Readonly<Record<string, string | undefined>>
): ReadonlyMap<string, string> => {
  const values = new Map<string, string>()
  for (const { name, value = Object.hasOwn(environment, name) ? environment[name] : undefined } of given) {
    if (value === undefined) values.delete(name)
    else values.set(name, value)
  }
  return values
}
