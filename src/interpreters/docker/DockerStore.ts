/**
 * Results as images of a Docker engine. What else is known of them (parents,
 * logs, notes, who uses what) is in a directory of this machine, as for every
 * other store; the names of what the engine has of them come from where that is.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import { hostname } from "node:os"
import { resolve } from "node:path"
import type * as Scope from "effect/Scope"
import { sha256 } from "../../domain/Digest.ts"
import { Layout } from "../store/local/Layout.ts"
import * as LocalStore from "../store/LocalStore.ts"
import { Store, type StoreService } from "../Store.ts"
import * as DockerTrees from "./DockerTrees.ts"
import { Workshop } from "./Workshop.ts"

export interface Options {
  /** Made when it is missing. */
  readonly path: string
  /** For `DOCKER_HOST`, and for `TMPDIR`. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** As `WorkshopOptions`. */
  readonly maxLayers?: number
}

const DIGITS = 12

/** Of all that the engine has of a store: two machines may ask one engine. */
const prefixOf = (root: string): string => `obuilder-${sha256(`${machine()}\n${root}`).slice(0, DIGITS)}`

const machine = (): string => {
  try {
    return Fs.readFileSync("/etc/machine-id", "utf8").trim() || hostname()
  } catch {
    return hostname()
  }
}

/** A store in a directory and a Docker engine, for as long as the scope is open. */
export const make = ({ path, ...options }: Options): Effect.Effect<StoreService, never, Scope.Scope> =>
  Effect.gen(function* () {
    const layout = new Layout(resolve(path), [DockerTrees.ENGINE])
    const workshop = new Workshop({ ...options, prefix: prefixOf(real(layout.root)) })
    // Closed after the store, which still has to clear up.
    yield* Effect.addFinalizer(() => Effect.promise(() => workshop.close()))
    return yield* LocalStore.inLayout(`docker:${layout.root}`, layout, DockerTrees.make(workshop, layout.root))
  })

export const layer = (options: Options): Layer.Layer<Store> => Layer.scoped(Store, make(options))

/** However it is named. */
const real = (path: string): string => {
  try {
    return Fs.realpathSync(path)
  } catch {
    return path
  }
}
