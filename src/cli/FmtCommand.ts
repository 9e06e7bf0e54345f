/** `obuilder fmt`: lays out the files of specs in the one way. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as SpecFormat from "../domain/format/SpecFormat.ts"
import { visible } from "../domain/DisplayText.ts"
import type { CliError } from "./ErrorText.ts"
import type { Given } from "./Flag.ts"
import type { flags } from "./Flags.ts"
import type { Host } from "./Host.ts"
import { isQuiet } from "./Logging.ts"
import { Output } from "./Output.ts"
import { displayName, distinct, readToRewrite, say } from "./SpecFiles.ts"
import { usageError } from "./UsageError.ts"
import { Verdict } from "./Verdict.ts"

type FmtFlags = Given<typeof flags.fmt> & { readonly files: ReadonlyArray<string> }

export const fmt = (given: FmtFlags): Effect.Effect<void, CliError, Host | Output> =>
  Effect.gen(function* () {
    if (given.check && given.print) return yield* usageError("--check and --print exclude each other")
    let isInput = false
    let found = false
    for (const name of yield* distinct(given.files)) {
      const changed = yield* Effect.either(formatOne(name, given))
      if (Either.isRight(changed)) found ||= changed.right
      else if (isOfFile(changed.left)) {
        isInput = true
        yield* say(changed.left, given.color)
      } else return yield* Effect.fail(changed.left)
    }
    if (isInput || (found && given.check)) return yield* new Verdict({ isInput })
  })

/** What is wrong with one file, and says nothing about others. */
const isOfFile = ({ _tag }: CliError): boolean => _tag === "SpecError" || _tag === "UsageError"

/** Whether the layout was another one. */
const formatOne = (name: string, given: FmtFlags): Effect.Effect<boolean, CliError, Host | Output> =>
  Effect.gen(function* () {
    const { stdout } = yield* Output
    const { rewrite, text } = yield* readToRewrite(name)
    const formatted = yield* SpecFormat.format(text, { file: displayName(name) })
    const changed = formatted !== text
    if (given.check) {
      if (changed && !isQuiet(given)) yield* stdout.write(`${visible(displayName(name))}\n`)
      return changed
    }
    if (given.print || name === "-") {
      yield* stdout.write(formatted)
      return changed
    }
    if (changed) yield* rewrite(formatted, isQuiet(given) ? undefined : "laid out anew")
    return changed
  })
