/** The reference builds on a real Docker engine. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { afterAll, beforeAll, it } from "vitest"
import * as LocalBaseImages from "../../src/interpreters/base/LocalBaseImages.ts"
import { BaseImages } from "../../src/interpreters/BaseImages.ts"
import * as DockerBaseImages from "../../src/interpreters/docker/DockerBaseImages.ts"
import * as DockerSandbox from "../../src/interpreters/docker/DockerSandbox.ts"
import * as DockerStore from "../../src/interpreters/docker/DockerStore.ts"
import { Engine } from "../../src/interpreters/Engine.ts"
import { realEngine } from "../interpreters/docker/engine.ts"
import { scratchDirectory } from "../interpreters/host/scratch.ts"
import { describeWith } from "../requirements.ts"
import { type BuildCase, build, expectCase, readCases, writeBase, writeContext } from "./buildCases.ts"

const cases = readCases()
const scratch = scratchDirectory("docker-reference")

describeWith(["root", "docker", "busybox"], "the reference builds, on Docker", () => {
  const engine = realEngine()
  const makeRuntime = () => {
    const environment = engine.environment()
    const images = LocalBaseImages.make({ sourceDirectory: scratch.path })
    const services = Layer.mergeAll(
      DockerStore.layer({ path: `${scratch.path}/store`, environment }),
      DockerSandbox.layer(),
      Layer.succeed(BaseImages, DockerBaseImages.make(images))
    )
    return ManagedRuntime.make(Layer.provideMerge(Engine.layer, services))
  }
  let runtime: ReturnType<typeof makeRuntime>

  beforeAll(() => {
    writeBase(`${scratch.path}/base`)
    runtime = makeRuntime()
  })
  afterAll(() => runtime.dispose())

  it.each(cases.map((one) => [one.id, one] as const))("%s", async (_id, one: BuildCase) => {
    writeContext(`${scratch.path}/${one.id}`, one.context)
    const exit = await runtime.runPromiseExit(Effect.either(build(one, scratch.path)))
    await expectCase(one, exit)
  })
})
