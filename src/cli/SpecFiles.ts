/** Several specs that a command looks at one by one: what is wrong with one does not keep it from the others. */
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { SpecError } from "../domain/SpecError.ts"
import { visible } from "../domain/DisplayText.ts"
import * as SpecText from "../domain/SpecText.ts"
import * as Colors from "./Colors.ts"
import { type CliError, render } from "./ErrorText.ts"
import { Host } from "./Host.ts"
import { Output, type OutputError, type PipeClosed } from "./Output.ts"
import { type UsageError, usageError } from "./UsageError.ts"

/** How messages call a file that is named so on the command line. */
export const displayName = (name: string): string => (name === "-" ? "<stdin>" : name)

/** A spec's text, from a file or from standard input. */
export const readText = (name: string): Effect.Effect<string, UsageError | SpecError, Host> =>
  Effect.gen(function* () {
    const host = yield* Host
    const bytes = yield* host.read(name, { what: "the spec", stdin: true })
    return yield* SpecText.decodeUtf8(bytes, { file: displayName(name) })
  })

/** A spec's text, and what writes another in its place. */
export interface Rewritable {
  readonly text: string
  /** Says so on standard error, if it is told how. */
  readonly rewrite: (
    text: string,
    how: string | undefined
  ) => Effect.Effect<void, UsageError | OutputError | PipeClosed, Output>
}

/** Of a file, or of standard input, which cannot be written. */
export const readToRewrite = (name: string): Effect.Effect<Rewritable, UsageError | SpecError, Host> =>
  Effect.gen(function* (): Effect.fn.Return<Rewritable, UsageError | SpecError, Host> {
    if (name === "-") {
      return { text: yield* readText(name), rewrite: () => usageError("standard input cannot be changed") }
    }
    const host = yield* Host
    const { bytes, replace } = yield* host.readToReplace(name, "the spec")
    return {
      text: yield* SpecText.decodeUtf8(bytes, { file: name }),
      rewrite: (text, how) =>
        Effect.gen(function* () {
          const { stderr } = yield* Output
          yield* replace(new TextEncoder().encode(text))
          if (how !== undefined) yield* stderr.write(`${visible(name)} is ${how}\n`)
        })
    }
  })

/** Standard input can be read only once. */
export const distinct = (files: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>, UsageError> => {
  const names = [...new Set(files)]
  const hasTwice = files.filter((name) => name === "-").length > 1
  return hasTwice ? usageError("standard input is given more than once") : Effect.succeed(names)
}

/** Says an error on standard error, and goes on. */
export const say = (
  error: CliError,
  when: Option.Option<Colors.When>
): Effect.Effect<void, PipeClosed | OutputError, Host | Output> =>
  Effect.gen(function* () {
    const { stderr } = yield* Output
    yield* stderr.write(render(error, Colors.enabled(when, stderr, yield* Host)))
  })
