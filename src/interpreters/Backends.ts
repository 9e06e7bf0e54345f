/**
 * All that builds need, in one layer: a store by its name, the sandbox that goes
 * with it on this machine, base images, and an engine on them.
 *
 * ```ts
 * program.pipe(Effect.provide(Backends.layer("overlayfs:/var/lib/obuilder", { directory: "." })))
 * ```
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Path from "node:path"
import { suggest } from "../domain/Suggestion.ts"
import type { Backend, OptionNames } from "./backend/Backend.ts"
import { refusal } from "./backend/GivenOptions.ts"
import { table } from "./backend/Table.ts"
import { BaseImages } from "./BaseImages.ts"
import { Engine } from "./Engine.ts"
import { HashMemo } from "./host/HashMemo.ts"
import type { RegistriesOptions } from "./registry/Registries.ts"
import { Sandbox, type SandboxError } from "./Sandbox.ts"
import { Store, StoreError } from "./Store.ts"
import type { Mode } from "./store/RsyncStore.ts"

export interface BackendOptions {
  /** What relative paths of local bases are relative to; the process's own directory if it is left out. */
  readonly directory?: string
  /** Directories that local bases may come from, besides `directory`; from anywhere if it is left out. */
  readonly within?: ReadonlyArray<string>
  /** Which of an image's variants to take, `os/architecture[/variant]`; the machine's if it is left out. */
  readonly platform?: string
  /** Whether registries are asked again what tags mean that were asked for before; they are not if it is left out. */
  readonly pull?: boolean
  /** Called often while layers of images come. */
  readonly progress?: NonNullable<RegistriesOptions["progress"]>
  /** For proxies, the engine of Docker, and where configuration and passwords are; the process's own if it is left out. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** The OCI runtime, as its name in PATH or its path; `runc`, or the Docker engine's own, if it is left out. */
  readonly runtime?: string
  /** Whether calls in steps that wait for the disk do nothing. */
  readonly fastSync?: boolean
  /** Bytes that a step may have; no limit if it is left out. */
  readonly memory?: number
  /** How a store of `rsync` copies; with `copy` if it is left out. */
  readonly rsyncMode?: Mode
  /** Of a Docker engine's containers. */
  readonly docker?: {
    readonly cpus?: number
    readonly memory?: number
    readonly isolation?: "default" | "process" | "hyperv"
    readonly network?: string
  }
  /** Who steps are on macOS, where one has to be named. */
  readonly macOs?: { readonly uid: number; readonly brewPath?: string }
  /** Remembers digests of files of `rootfs:` directories. */
  readonly memo?: HashMemo
}

export type Services = Engine | Store | Sandbox | BaseImages

/**
 * The services of a store that is named as on the command line: `overlayfs:PATH`,
 * `btrfs:PATH`, `xfs:PATH`, `rsync:PATH`, `zfs:POOL/DATASET` or `docker:PATH`.
 * Nothing is made or looked for before it is needed.
 */
export const layer = (store: string, options: BackendOptions = {}): Layer.Layer<Services, StoreError | SandboxError> =>
  Layer.scopedContext(make(store, options))

/** The same, for as long as the scope is open. */
export const make = (
  store: string,
  options: BackendOptions = {}
): Effect.Effect<Context.Context<Services>, StoreError | SandboxError, Scope.Scope> =>
  Effect.gen(function* () {
    const { backend, kind, place } = yield* choose(store)
    const refused = refusal(kind, options)
    if (refused !== undefined) return yield* unsuitable(refused.message, refused.hint)
    const { environment = process.env, macOs, memo = new HashMemo(), platform, progress, pull = false } = options
    const sourceDirectory = Path.resolve(options.directory ?? ".")
    const user = { uid: Option.fromNullable(macOs?.uid), brewPath: Option.fromNullable(macOs?.brewPath) }
    const services = Context.make(
      Store,
      yield* backend.store(place, { rsyncMode: Option.fromNullable(options.rsyncMode), user, environment })
    ).pipe(
      Context.add(
        Sandbox,
        yield* backend.sandbox({
          ...user,
          runtime: Option.fromNullable(options.runtime),
          fastSync: options.fastSync ?? false,
          memory: Option.fromNullable(options.memory),
          dockerCpus: Option.fromNullable(options.docker?.cpus),
          dockerMemory: Option.fromNullable(options.docker?.memory),
          dockerIsolation: Option.fromNullable(options.docker?.isolation),
          dockerNetwork: Option.fromNullable(options.docker?.network)
        })
      ),
      Context.add(
        BaseImages,
        yield* backend.images(place, {
          sourceDirectory,
          within: options.within?.map((path) => Path.resolve(path)),
          memo,
          ...(platform === undefined ? {} : { platform }),
          registries: { pulls: pull, remembers: true, environment, ...(progress === undefined ? {} : { progress }) }
        })
      )
    )
    return Context.add(services, Engine, yield* Effect.provide(Engine.make, services))
  })

/**
 * What is known of the files of a source directory, for `Engine.plan`: read from
 * the store, and written back when the scope closes. It only saves time.
 */
export const memo = (store: string, directory: string): Effect.Effect<HashMemo, StoreError, Scope.Scope> =>
  Effect.gen(function* () {
    const { backend, place } = yield* choose(store)
    const file = () => Option.getOrUndefined(backend.hashes(place, Path.resolve(directory)))
    return yield* Effect.acquireRelease(
      Effect.sync(() => new HashMemo(file())),
      (memo) => Effect.ignore(Effect.try(() => save(memo, file())))
    )
  })

/** A store that is not there yet keeps nothing. */
const save = (memo: HashMemo, file: string | undefined): void => {
  if (file !== undefined) memo.save(file)
}

interface Chosen {
  readonly backend: Backend
  readonly kind: string
  readonly place: string
}

const choose = (store: string): Effect.Effect<Chosen, StoreError> => {
  const backends = table(NAMES)
  const colon = store.indexOf(":")
  const [kind, place] = [store.slice(0, Math.max(colon, 0)), store.slice(colon + 1)]
  const backend = backends.get(kind)
  if (colon > 0 && backend !== undefined && place !== "") {
    return Effect.succeed({ backend, kind, place: backend.placeIsPath ? Path.resolve(place) : place })
  }
  const kinds = [...backends.keys()]
  const hint = Option.match(backend === undefined ? suggest(kind, kinds) : Option.none(), {
    onNone: () => `The kinds are ${kinds.join(", ")}: write ${kinds[0] ?? ""}:PATH.`,
    onSome: (word) => `Did you mean "${word}:"?`
  })
  return unsuitable(`${JSON.stringify(store)} names no store`, hint)
}

const unsuitable = (message: string, hint: string): Effect.Effect<never, StoreError> =>
  Effect.fail(new StoreError({ message, hint: Option.some(hint), cause: undefined }))

const NAMES: OptionNames = {
  fastSync: "fastSync",
  memory: "memory",
  runtime: "runtime",
  uid: "macOs.uid",
  brewPath: "macOs.brewPath",
  dockerCpus: "docker.cpus",
  dockerMemory: "docker.memory",
  dockerIsolation: "docker.isolation",
  dockerNetwork: "docker.network",
  within: "within",
  dockerStore: '"docker:PATH"'
}
