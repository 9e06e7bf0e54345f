/** `obuilder dockerfile`: a spec as a Dockerfile, on standard output. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as DockerfileWriter from "../domain/dockerfile/DockerfileWriter.ts"
import type { CliError } from "./ErrorText.ts"
import type { Given } from "./Flag.ts"
import type { flags } from "./Flags.ts"
import type { Host } from "./Host.ts"
import { Output } from "./Output.ts"
import { blame, readSpec } from "./Preparation.ts"

export const dockerfile = (given: Given<typeof flags.dockerfile>): Effect.Effect<void, CliError, Host | Output> =>
  Effect.gen(function* () {
    const { stdout } = yield* Output
    const parsed = yield* readSpec(given.file)
    const text = yield* Effect.mapError(
      DockerfileWriter.write(parsed.spec, {
        buildkit: given.buildkit,
        style: Option.getOrElse(given.escape, () => "unix" as const)
      }),
      (error) => blame(parsed, error.node, error)
    )
    yield* stdout.write(text)
  })
