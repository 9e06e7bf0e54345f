/** Which backend a command works with. */
import * as Context from "effect/Context"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { suggest } from "../domain/Suggestion.ts"
import type { Backend, StoreOptions } from "../interpreters/backend/Backend.ts"
import { type UsageError, usageError } from "./UsageError.ts"

export type {
  Backend,
  DockerFlags,
  ImageOptions,
  SandboxOptions,
  StoreOptions,
  UserFlags
} from "../interpreters/backend/Backend.ts"

/** The table of backends, by kind. */
export class Backends extends Context.Tag("obuilder/cli/Backends")<Backends, ReadonlyMap<string, Backend>>() {}

/** A backend and the place that it is to use. */
export interface Chosen {
  readonly backend: Backend
  readonly place: string
  readonly options: StoreOptions
  /** Nobody named it. */
  readonly isDefault: boolean
}

/** Reads `KIND:PLACE`. */
export const choose = (backends: ReadonlyMap<string, Backend>, text: string): Either.Either<Chosen, UsageError> => {
  const colon = text.indexOf(":")
  const [kind, place] = colon < 0 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)]
  const backend = backends.get(kind)
  const kinds = [...backends.keys()]
  if (backend === undefined) {
    return Either.left(
      usageError(
        `there is no kind of store ${JSON.stringify(kind)}`,
        Option.match(suggest(kind, kinds), {
          onNone: () => `The kinds are ${kinds.join(", ")}: write --store=${kinds[0] ?? ""}:PATH.`,
          onSome: (word) => `Did you mean "${word}:"?`
        })
      )
    )
  }
  return place === ""
    ? Either.left(
        backend.placeIsPath
          ? usageError(`the store ${JSON.stringify(text)} has no path`, `Write --store=${kind}:PATH.`)
          : usageError(`the store ${JSON.stringify(text)} has no name`, `Write --store=${kind}:NAME.`)
      )
    : Either.right({ backend, place, options: { rsyncMode: Option.none() }, isDefault: false })
}
