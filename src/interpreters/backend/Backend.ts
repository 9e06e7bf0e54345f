/** A kind of store, with the sandbox that knows its file systems and the base images that it can hold. */
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { BaseImagesService } from "../BaseImages.ts"
import type { HashMemo } from "../host/HashMemo.ts"
import type { SandboxError, SandboxService } from "../Sandbox.ts"
import type { RegistriesOptions } from "../registry/Registries.ts"
import type { Mode } from "../store/RsyncStore.ts"
import type { StoreError, StoreService } from "../Store.ts"

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
  /** Where a Docker engine is; the process's own if it is left out. */
  readonly environment?: Readonly<Record<string, string | undefined>>
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

/** What options are called by who gives them: a user who is told to leave one out has to know it again. */
export interface OptionNames {
  readonly fastSync: string
  readonly memory: string
  readonly runtime: string
  readonly uid: string
  readonly brewPath: string
  readonly dockerCpus: string
  readonly dockerMemory: string
  readonly dockerIsolation: string
  readonly dockerNetwork: string
  /** What says where local bases may come from. */
  readonly within: string
  /** How a store of a Docker engine is named. */
  readonly dockerStore: string
}
