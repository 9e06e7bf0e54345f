/** The laws of `Store` and of `Sandbox` on real Docker engines. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { afterAll, beforeAll, describe } from "vitest"
import * as DockerSandbox from "../../../src/interpreters/docker/DockerSandbox.ts"
import * as DockerStore from "../../../src/interpreters/docker/DockerStore.ts"
import { DockerTree, DockerVolume, toRootfs } from "../../../src/interpreters/docker/DockerTree.ts"
import { Workshop } from "../../../src/interpreters/docker/Workshop.ts"
import type { Rootfs } from "../../../src/interpreters/Rootfs.ts"
import type { Entries } from "../../laws/files.ts"
import { sandboxLaws } from "../../laws/sandbox.ts"
import type { SandboxSubject } from "../../laws/sandboxSubject.ts"
import { hostSource, memorySource } from "../../laws/sources.ts"
import { storeLaws } from "../../laws/store.ts"
import type { Subject } from "../../laws/storeSubject.ts"
import { describeWith } from "../../requirements.ts"
import { alive, fill, shell } from "../sandbox/busybox.ts"
import { temporaryIn } from "../store/kinds.ts"
import { dockerFiles, pathsOf, putDirectory } from "./dockerFiles.ts"
import { realEngine } from "./engine.ts"
import { debian, newerWithContainerd } from "./realDocker.ts"

describe.each([debian, newerWithContainerd])("$name", (kind) => {
  describeWith(["root", kind.needs, "busybox"], "is an engine", () => {
    const engine = realEngine(kind)

    describe("as a store", () => {
      const makeSubject = Effect.map(
        Effect.acquireRelease(
          Effect.sync(() => Fs.mkdtempSync(`${tmpdir()}/obuilder-store-`)),
          (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
        ),
        (directory): Subject => ({
          layer: DockerStore.layer({ path: `${directory}/store`, environment: engine.environment(), maxLayers: 5 }),
          // Several times as many as an image may have layers there.
          chain: 12,
          files: dockerFiles,
          timeStep: 1000,
          temporary: Effect.sync(() => temporaryIn(`${directory}/store`))
        })
      )
      storeLaws(makeSubject, { "on the host": hostSource, "in memory": memorySource })
    })

    describe("as a sandbox", () => {
      let base: DockerTree
      let workshop: Workshop
      const signal = new AbortController().signal
      beforeAll(async () => {
        workshop = new Workshop({ environment: engine.environment(), identity: { prefix: "obuilder-laws" } })
        const directory = Fs.mkdtempSync(`${tmpdir()}/obuilder-base-`)
        fill(directory)
        base = new DockerTree(workshop, workshop.newName(), undefined, "/nowhere")
        await Effect.runPromise(putDirectory(base, directory))
        Fs.rmSync(directory, { recursive: true })
      })
      afterAll(() => workshop.close())

      const image = (entries: Entries): Effect.Effect<Rootfs, never, Scope.Scope> =>
        Effect.gen(function* () {
          const tree = new DockerTree(workshop, workshop.newName(), base.image, "/nowhere")
          const rootfs = toRootfs(tree)
          yield* Effect.addFinalizer(() => Effect.promise(() => workshop.discard(new Set([tree.name]), signal)))
          yield* dockerFiles.put(rootfs, entries)
          return rootfs
        })
      const cache = (entries: Entries): Effect.Effect<Rootfs, never, Scope.Scope> =>
        Effect.gen(function* () {
          const name = workshop.newName()
          const volume = new DockerVolume(workshop, workshop.objectOf(name))
          yield* Effect.acquireRelease(
            Effect.promise(async () => (await workshop.calls).createVolume(volume.name, signal)),
            () => Effect.promise(() => workshop.discard(new Set([name]), signal))
          )
          yield* dockerFiles.put(toRootfs(volume), entries)
          return toRootfs(volume)
        })

      sandboxLaws(
        Effect.sync((): SandboxSubject => ({
          layer: DockerSandbox.layer(),
          language: shell,
          files: dockerFiles,
          image,
          cache,
          paths: pathsOf,
          alive: (mark) => Effect.sync(() => alive(mark))
        }))
      )
    })
  })
})
