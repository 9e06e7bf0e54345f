/** The laws of `Engine` on a real Docker engine. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import { beforeAll } from "vitest"
import * as LocalBaseImages from "../../src/interpreters/base/LocalBaseImages.ts"
import { BaseImages } from "../../src/interpreters/BaseImages.ts"
import * as DockerBaseImages from "../../src/interpreters/docker/DockerBaseImages.ts"
import * as DockerSandbox from "../../src/interpreters/docker/DockerSandbox.ts"
import * as DockerStore from "../../src/interpreters/docker/DockerStore.ts"
import { engineLaws } from "../laws/engine.ts"
import type { EngineSubject } from "../laws/engineSubject.ts"
import { describeWith } from "../requirements.ts"
import { realEngine } from "./docker/engine.ts"
import { scratchDirectory } from "./host/scratch.ts"
import { fill } from "./sandbox/busybox.ts"
import { temporaryIn } from "./store/kinds.ts"

describeWith(["root", "docker", "busybox"], "builds on Docker", () => {
  const engine = realEngine()
  const scratch = scratchDirectory("engine-docker")
  let count = 0
  beforeAll(() => {
    fill(`${scratch.path}/base`)
    Fs.writeFileSync(`${scratch.path}/base/base-id`, "base-distro\n")
  })

  engineLaws(
    Effect.sync((): EngineSubject => {
      const store = `${scratch.path}/store-${++count}`
      const images = LocalBaseImages.make({ sourceDirectory: scratch.path })
      return {
        layer: Layer.mergeAll(
          DockerStore.layer({ path: store, environment: engine.environment() }),
          DockerSandbox.layer(),
          Layer.succeed(BaseImages, DockerBaseImages.make(images))
        ),
        base: `rootfs:${scratch.path}/base`,
        home: "/",
        left: Effect.sync(() => temporaryIn(store))
      }
    })
  )
})
