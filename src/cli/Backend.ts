/** A kind of store, with the sandbox that knows its file systems and the base images that it can hold. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { suggest } from "../domain/Suggestion.ts"
import type { BaseImagesService } from "../interpreters/BaseImages.ts"
import type { HashMemo } from "../interpreters/host/HashMemo.ts"
import type { SandboxError, SandboxService } from "../interpreters/Sandbox.ts"
import type { RegistriesOptions } from "../interpreters/registry/Registries.ts"
import type { Mode } from "../interpreters/store/RsyncStore.ts"
import type { StoreError, StoreService } from "../interpreters/Store.ts"
import { type UsageError, usageError } from "./UsageError.ts"

/** Who steps are run as, where they have no containers. */
export interface UserFlags {
  readonly uid?: Option.Option<number>
  readonly brewPath?: Option.Option<string>
}

/** Of containers of a Docker engine. */
export interface DockerFlags {
  readonly dockerCpus?: Option.Option<number>
  /** Bytes. */
  readonly dockerMemory?: Option.Option<number>
  readonly dockerIsolation?: Option.Option<"default" | "process" | "hyperv">
  readonly dockerNetwork?: Option.Option<string>
}

export interface SandboxOptions extends UserFlags, DockerFlags {
  readonly runtime: Option.Option<string>
  readonly fastSync: boolean
  /** Bytes. */
  readonly memory: Option.Option<number>
}

export interface StoreOptions {
  readonly rsyncMode: Option.Option<Mode>
  /** Of who builds; others only look at what there is. */
  readonly user?: UserFlags
}

export interface ImageOptions {
  /** An absolute path. */
  readonly sourceDirectory: string
  /** Where local bases may come from besides the source directory; from anywhere where it is left out. */
  readonly within: ReadonlyArray<string> | undefined
  readonly memo: HashMemo
  /** `os/architecture[/variant]`. */
  readonly platform?: string
  /** How to fetch from registries, and to ask a Docker engine; neither is done if it is left out. */
  readonly registries?: Omit<RegistriesOptions, "directory">
}

/** What makes one backend, given what follows the colon in `--store=KIND:PLACE`. */
export interface Backend {
  /** The place is a path on this machine, and may be a relative one. */
  readonly placeIsPath: boolean
  /** The sandbox runs commands in a plain directory of the host, too. */
  readonly takesDirectories: boolean
  readonly store: (place: string, options: StoreOptions) => Effect.Effect<StoreService, StoreError, Scope.Scope>
  readonly sandbox: (options: SandboxOptions) => Effect.Effect<SandboxService, SandboxError, Scope.Scope>
  readonly images: (place: string, options: ImageOptions) => Effect.Effect<BaseImagesService, never, Scope.Scope>
  /** Where digests of a source directory's files are kept from one build to the next, if the store can be trusted. */
  readonly hashes: (place: string, sourceDirectory: string) => Option.Option<string>
}

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
