/** `obuilder import`: prints the spec that a Dockerfile comes to. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { dirname } from "node:path"
import { argumentNames, others } from "../domain/dockerfile/ImportedImageText.ts"
import { textOf } from "../domain/dockerfile/ImportedText.ts"
import { visible } from "../domain/DisplayText.ts"
import * as SpecText from "../domain/SpecText.ts"
import { BaseImages } from "../interpreters/BaseImages.ts"
import * as LocalBaseImages from "../interpreters/base/LocalBaseImages.ts"
import * as Registries from "../interpreters/registry/Registries.ts"
import { readDockerfile } from "./DockerfileReading.ts"
import type { CliError } from "./ErrorText.ts"
import type { Given } from "./Flag.ts"
import type { flags } from "./Flags.ts"
import { Host } from "./Host.ts"
import { hidesNotes } from "./Logging.ts"
import { Output } from "./Output.ts"

type ImportFlags = Given<typeof flags.import> & { readonly file: string }

export const importFile = (given: ImportFlags): Effect.Effect<void, CliError, Host | Output> =>
  Effect.gen(function* () {
    const host = yield* Host
    const { stderr, stdout } = yield* Output
    const bytes = yield* host.read(given.file, { what: "the Dockerfile", stdin: true })
    const text = yield* SpecText.decodeUtf8(bytes, { file: given.file })
    const directory = host.absolute(
      Option.getOrElse(given.context, () => (given.file === "-" ? "." : dirname(given.file)))
    )
    const registries = yield* Registries.make({
      directory: () => undefined,
      remembers: false,
      pulls: false,
      environment: host.environment
    })
    const images = LocalBaseImages.make({
      sourceDirectory: directory,
      registries,
      ...Option.match(given.platform, { onNone: () => ({}), onSome: (platform) => ({ platform }) })
    })
    const quiet = hidesNotes(given)
    const imported = yield* readDockerfile(
      { name: given.file, text, directory, store: undefined, builds: false, quiet },
      given
    ).pipe(Effect.provideService(BaseImages, images))
    const lost = others(imported.image)
    if (lost.length > 0 && !quiet) {
      yield* stderr.write(
        `obuilder: no spec, and no flag of export, says ${lost.join(", ")}; a build of the Dockerfile itself keeps it\n`
      )
    }
    const args = argumentNames(imported)
    if (args.length > 0 && !quiet) {
      yield* stderr.write(
        `obuilder: an image of the spec has the build arguments ${args.map(visible).join(", ")} as variables; one of the Dockerfile itself has not\n`
      )
    }
    const written = textOf(imported)
    const output = Option.getOrElse(given.output, () => "-")
    if (output === "-") return yield* stdout.write(written)
    yield* host.write(output, (sink) => sink.write(written))
  }).pipe(Effect.scoped)
