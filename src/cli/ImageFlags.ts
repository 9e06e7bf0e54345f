/** What the flags of `export`, `push` and `build` say of the image that is made of a result. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { parse, type RegistryReference } from "../domain/ImageReference.ts"
import type { Variable } from "../domain/Inputs.ts"
import type { ImageOptions } from "../interpreters/image/ImageOptions.ts"
import * as Flag from "./Flag.ts"
import { image, settings } from "./Flags.ts"
import { Host } from "./Host.ts"
import { type UsageError, usageError } from "./UsageError.ts"

export interface ImageFlags {
  readonly squash: boolean
  readonly entrypoint: Option.Option<ReadonlyArray<string>>
  readonly cmd: Option.Option<ReadonlyArray<string>>
  readonly expose: ReadonlyArray<string>
  readonly label: ReadonlyArray<Variable>
  readonly annotation: ReadonlyArray<Variable>
  readonly env?: ReadonlyArray<Variable>
  readonly user?: Option.Option<string>
  readonly workdir?: Option.Option<string>
}

/** Flags that say something of an image. */
const all: Readonly<Record<string, Pick<Flag.Flag<unknown>, "name">>> = { tag: { name: "tag" }, ...image, ...settings }

/** The first of them that is given, as it is written. */
export const firstGiven = (given: Readonly<Record<string, unknown>>): Option.Option<string> =>
  Option.map(Option.fromNullable(Object.entries(all).find(([name]) => isGiven(given[name]))), ([, flag]) =>
    Flag.written(flag)
  )

/** Whether a flag's value is another one than it has when it is left out. */
const isGiven = (value: unknown): boolean =>
  value === true || (Array.isArray(value) && value.length > 0) || (Option.isOption(value) && Option.isSome(value))

export const imageOptions = (given: ImageFlags): Effect.Effect<ImageOptions, UsageError, Host> =>
  Effect.gen(function* () {
    const { user = Option.none(), workdir = Option.none() } = given
    if (Option.exists(workdir, (path) => !path.startsWith("/"))) {
      return yield* usageError("--workdir must be an absolute path", "Write --workdir=/DIR.")
    }
    return {
      squash: given.squash,
      epoch: yield* epoch,
      changes: {
        environment: given.env ?? [],
        user,
        workdir,
        entrypoint: given.entrypoint,
        command: given.cmd,
        ports: given.expose,
        labels: given.label,
        annotations: given.annotation
      }
    }
  })

/** Seconds: later than any date that JavaScript knows is no date. */
const LATEST = 8_640_000_000_000

/** reproducible-builds.org's variable. */
const epoch: Effect.Effect<Option.Option<number>, UsageError, Host> = Effect.gen(function* () {
  const text = (yield* Host).variable("SOURCE_DATE_EPOCH")
  if (Option.isNone(text)) return Option.none()
  const seconds = Number(text.value)
  if (/^[0-9]+$/.test(text.value) && seconds <= LATEST) return Option.some(seconds)
  return yield* usageError(
    `SOURCE_DATE_EPOCH is ${JSON.stringify(text.value)}, which is no time`,
    "It is a whole number of seconds since 1970: see https://reproducible-builds.org/specs/source-date-epoch/."
  )
})

/** A name in a registry, or in Docker, that an image is given. */
export const imageName = (text: string): Effect.Effect<RegistryReference, UsageError> => {
  const read = parse(text)
  if (Either.isLeft(read)) return Effect.fail(usageError(read.left.message, Option.getOrUndefined(read.left.hint)))
  if (read.right._tag !== "Registry") {
    return Effect.fail(usageError(`${JSON.stringify(text)} is no name that an image can have`, "Write NAME:TAG."))
  }
  const { image } = read.right
  return Option.isSome(image.digest)
    ? Effect.fail(usageError(`${JSON.stringify(text)} has a digest, which an image cannot be given`, "Write NAME:TAG."))
    : Effect.succeed(image)
}
