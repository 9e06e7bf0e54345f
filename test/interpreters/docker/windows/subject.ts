/** Builds on a stand-in for an engine of Windows. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { type Digest, sha256 } from "../../../../src/domain/Digest.ts"
import type { BaseInput } from "../../../../src/domain/Inputs.ts"
import { BaseImageError, BaseImages, type BaseImagesService } from "../../../../src/interpreters/BaseImages.ts"
import * as DockerBaseImages from "../../../../src/interpreters/docker/DockerBaseImages.ts"
import * as DockerSandbox from "../../../../src/interpreters/docker/DockerSandbox.ts"
import * as DockerStore from "../../../../src/interpreters/docker/DockerStore.ts"
import { Engine } from "../../../../src/interpreters/Engine.ts"
import type { Spec } from "../../../../src/domain/Spec.ts"
import type { StepId } from "../../../../src/domain/Digest.ts"
import type { Store } from "../../../../src/interpreters/Store.ts"
import { build, LogView, type Request } from "../../builds.ts"
import { type Image, image, serve, type WindowsEngine, withCygwin } from "./engine.ts"

export const BASE = "registry.test/win/base:1"
export const NAME = "registry.test/win/base"
export const DIGEST: Digest = sha256("a manifest")
export const TOOLS = "registry.test/win/tools:1"

export const baseImage = (): Image =>
  image(
    {
      "C:/Windows/System32/cmd.exe": "cmd",
      "C:/base.txt": "of the base\r\n",
      "C:/there": "<directory>",
      "C:/ProgramData": "<directory>"
    },
    { Cmd: ["c:\\windows\\system32\\cmd.exe"], Env: ["FROM_BASE=1"] }
  )

export interface Subject {
  readonly engine: WindowsEngine
  readonly directory: string
  /** What the store hands its engine. */
  readonly environment: Record<string, string>
  readonly with: <A, E>(
    effect: Effect.Effect<A, E, Engine | Store | BaseImages>,
    options?: DockerSandbox.DockerSandboxOptions
  ) => Effect.Effect<A, E>
  readonly build: (
    spec: Spec,
    more?: Partial<Request> & { readonly options?: DockerSandbox.DockerSandboxOptions }
  ) => Effect.Effect<{ readonly id: StepId; readonly log: string }, unknown>
  /** The image of the last result: of those that have the most layers. */
  readonly last: () => Image
}

export const subject: Effect.Effect<Subject, never, Scope.Scope> = Effect.gen(function* () {
  const engine = yield* serve
  engine.registry.set(`${NAME}@sha256:${DIGEST}`, baseImage())
  engine.registry.set(TOOLS, withCygwin())
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => Fs.realpathSync(Fs.mkdtempSync(`${tmpdir()}/obuilder-windows-`))),
    (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
  )
  const environment: Record<string, string> = {
    DOCKER_HOST: engine.host,
    TMPDIR: directory,
    OBUILDER_WINDOWS_TOOLS: TOOLS
  }
  const run: Subject["with"] = (effect, options) =>
    Effect.provide(
      effect,
      Layer.provideMerge(
        Engine.layer,
        Layer.mergeAll(
          DockerStore.layer({ path: `${directory}/store`, environment }),
          DockerSandbox.layer(options),
          Layer.succeed(BaseImages, DockerBaseImages.make(known))
        )
      )
    )
  return {
    engine,
    directory,
    environment,
    with: run,
    build: (spec, { options, ...more } = {}) => {
      const log = new LogView()
      return Effect.map(run(build({ spec, onEvent: log.onEvent, ...more }), options), (id) => ({ id, log: log.text }))
    },
    last: () => {
      const finished = [...engine.images].filter(([name]) => /^obuilder-[0-9a-f]{12}:[0-9a-f]{16}$/.test(name))
      const [, found = baseImage()] = finished.toReversed().toSorted(([, a], [, b]) => b.layers - a.layers)[0] ?? []
      return found
    }
  }
})

/** What registries say. */
const known: BaseImagesService = {
  directory: "/",
  resolve: (reference) =>
    Effect.succeed<BaseInput>({
      format: "oci",
      digest: DIGEST,
      platform: reference.startsWith("linux") ? "linux/amd64" : "windows/amd64",
      environment: [{ name: "FROM_BASE", value: "1" }]
    }),
  unpack: (reference) =>
    new BaseImageError({ reference, message: "unpacked on the host", hint: Option.none(), cause: undefined }),
  layers: () => Effect.dieMessage("no layers are wanted")
}

/** What is left of objects: names of containers, volumes and images that are no results. */
export const leftIn = ({ containers, images, volumes }: WindowsEngine): ReadonlyArray<string> => [
  ...[...containers.values()].map(({ name }) => name),
  ...[...volumes.keys()].filter((name) => !name.endsWith("-libexec")),
  ...[...images.keys()].filter((name) => name.startsWith("obuilder-") && name.includes("-tmp:"))
]

/** Paths of an image that its base does not have; an engine leaves the directory that tools were mounted on. */
export const madeIn = ({ files }: Image): ReadonlyArray<string> => {
  const base = baseImage().files
  return [...files.values()]
    .map(({ path }) => path)
    .filter((path) => !base.has(path.toLowerCase()) && path !== "C:/obuilder-libexec")
    .sort()
}
