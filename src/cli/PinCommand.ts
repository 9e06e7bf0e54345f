/** `obuilder pin`: names a spec's bases by the digests that they have today. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Bases from "../domain/Bases.ts"
import * as SpecText from "../domain/SpecText.ts"
import * as LocalBaseImages from "../interpreters/base/LocalBaseImages.ts"
import * as Registries from "../interpreters/registry/Registries.ts"
import type { CliError } from "./ErrorText.ts"
import type { Given } from "./Flag.ts"
import type { flags } from "./Flags.ts"
import { Host } from "./Host.ts"
import { isQuiet } from "./Logging.ts"
import { Output } from "./Output.ts"
import { blame } from "./Preparation.ts"
import { displayName, readToRewrite } from "./SpecFiles.ts"

export const pin = (given: Given<typeof flags.pin>): Effect.Effect<void, CliError, Host | Output> =>
  Effect.gen(function* () {
    const host = yield* Host
    const { stderr, stdout } = yield* Output
    const { rewrite, text } = yield* readToRewrite(given.file)
    const parsed = yield* SpecText.parse(text, { file: displayName(given.file) })
    const registries = yield* Registries.make({
      directory: () => undefined,
      remembers: false,
      pulls: true,
      environment: host.environment
    })
    const images = LocalBaseImages.make({ sourceDirectory: host.absolute("."), registries })
    const names = new Map<string, string>()
    for (const part of Bases.allSpecs(parsed.spec)) {
      if (names.has(part.from)) continue
      const name = yield* Effect.mapError(images.pin(part.from), (error) => blame(parsed, part, error))
      if (Option.isNone(name)) continue
      names.set(part.from, name.value)
      if (!isQuiet(given)) yield* stderr.write(`${part.from} is ${name.value}\n`)
    }
    const renamed = Bases.rename(parsed, names)
    if (given.file === "-" || given.print) return yield* stdout.write(renamed)
    if (names.size > 0) yield* rewrite(renamed, undefined)
  }).pipe(Effect.scoped)
