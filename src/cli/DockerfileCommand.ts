/** `obuilder dockerfile`: a spec as a Dockerfile, on standard output. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { visible } from "../domain/DisplayText.ts"
import * as DockerfileLosses from "../domain/dockerfile/DockerfileLosses.ts"
import * as DockerfileWriter from "../domain/dockerfile/DockerfileWriter.ts"
import type { CliError } from "./ErrorText.ts"
import type { Given } from "./Flag.ts"
import type { flags } from "./Flags.ts"
import type { Host } from "./Host.ts"
import { Output } from "./Output.ts"
import { blame, readSpec } from "./Preparation.ts"

/** Of how many losses each is named. */
const NAMED = 20

/** What the Dockerfile does not say as the spec does is named on standard error. */
export const dockerfile = (given: Given<typeof flags.dockerfile>): Effect.Effect<void, CliError, Host | Output> =>
  Effect.gen(function* () {
    const { stdout } = yield* Output
    const parsed = yield* readSpec(given.file)
    const options = { buildkit: given.buildkit, style: Option.getOrElse(given.escape, () => "unix" as const) }
    const text = yield* Effect.mapError(DockerfileWriter.write(parsed.spec, options), (error) =>
      blame(parsed, error.node, error)
    )
    const losses = DockerfileLosses.find(parsed.spec, options)
    for (const { hint, message, node } of losses.slice(0, NAMED)) {
      const { column, line } = blame(parsed, node, { message, hint }).span.start
      const advice = Option.match(hint, { onNone: () => "", onSome: (hint) => ` (${hint})` })
      yield* Effect.logWarning(`${visible(parsed.file)}:${line}:${column}: ${message}${advice}`)
    }
    if (losses.length > NAMED) yield* Effect.logWarning(`there are ${losses.length - NAMED} more such places`)
    yield* stdout.write(text)
  })
