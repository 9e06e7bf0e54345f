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
    const own = [...given.label, ...given.annotation].find(({ name }) => name.startsWith(OWN))
    if (own !== undefined) {
      return yield* usageError(`${JSON.stringify(own.name)} is for obuilder to say`, `Take a name without "${OWN}".`)
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

/** What our own labels and annotations begin with. */
const OWN = "obuilder."

/** Seconds: the end of the year 9999, after which RFC 3339 has no dates. */
const LATEST = 253_402_300_799

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

const HINT = `A name is REGISTRY/NAME:TAG, in small letters and digits with ".", "_", "-" and "/" between them.`

/** A name in a registry, or in Docker, that an image is given. */
export const imageName = (text: string): Effect.Effect<RegistryReference, UsageError> => {
  const read = parse(text)
  if (Either.isLeft(read) || read.right._tag !== "Registry") {
    return Effect.fail(usageError(`${JSON.stringify(text)} is no name that an image can have`, HINT))
  }
  const { image } = read.right
  return Option.isSome(image.digest)
    ? Effect.fail(usageError(`${JSON.stringify(text)} has a digest, which an image cannot be given`, HINT))
    : Effect.succeed(image)
}

/** The same with a registry in it: nothing is sent to Docker's own by a slip of the pen. */
export const registryName = (text: string): Effect.Effect<RegistryReference, UsageError> =>
  Effect.filterOrFail(
    imageName(text),
    ({ domain }) => text.replace(/^docker:\/\//, "").startsWith(`${domain}/`),
    ({ repository }) =>
      usageError(
        `${JSON.stringify(text)} names no registry to push to`,
        `Write REGISTRY/${repository.replace(/^library\//, "")}, or docker.io/${repository} for Docker's own.`
      )
  )

/** What image-spec's `org.opencontainers.image.ref.name` can be. */
const REF_NAME = /^[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:\/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*$/

/** What an image in a layout is called. */
export const layoutName = (text: string): Effect.Effect<string, UsageError> =>
  REF_NAME.test(text)
    ? Effect.succeed(text)
    : Effect.fail(
        usageError(
          `${JSON.stringify(text)} is no name for an image in a layout`,
          "Write a tag such as latest, or NAME:TAG."
        )
      )
