/** The reference builds on a real Docker engine. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { execFileSync } from "node:child_process"
import { afterAll, beforeAll, expect, it } from "vitest"
import * as LocalBaseImages from "../../src/interpreters/base/LocalBaseImages.ts"
import { BaseImages } from "../../src/interpreters/BaseImages.ts"
import * as DockerBaseImages from "../../src/interpreters/docker/DockerBaseImages.ts"
import * as DockerSandbox from "../../src/interpreters/docker/DockerSandbox.ts"
import * as DockerStore from "../../src/interpreters/docker/DockerStore.ts"
import { Engine } from "../../src/interpreters/Engine.ts"
import { realEngine } from "../interpreters/docker/engine.ts"
import { scratchDirectory } from "../interpreters/host/scratch.ts"
import { describeWith } from "../requirements.ts"
import { type BuildCase, build, comparable, readCases, writeBase, writeContext } from "./buildCases.ts"
import { readTar } from "./readTar.ts"

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
    const busybox = execFileSync("sh", ["-c", "command -v busybox"], { encoding: "utf8" }).trim()
    const applets = execFileSync(busybox, ["--list"], { encoding: "utf8" }).trim().split("\n")
    writeBase(`${scratch.path}/base`, busybox, applets)
    runtime = makeRuntime()
  })
  afterAll(() => runtime.dispose())

  it.each(cases.map((one) => [one.id, one] as const))("%s", async (_id, one: BuildCase) => {
    writeContext(`${scratch.path}/${one.id}`, one.context)
    const exit = await runtime.runPromiseExit(Effect.either(build(one, scratch.path)))
    if (Exit.isFailure(exit)) throw new Error(String(exit.cause))
    const result = exit.value
    if (one.expect.result === "failed") return expect(Either.isLeft(result)).toBe(true)
    if (one.expect.result === "unspecified") {
      if (Either.isLeft(result)) expect(result.left._tag).toMatch(/^(StepFailed|PlanError|ObserveError|SpecError)$/)
      return
    }
    if (Either.isLeft(result)) throw result.left
    const trees = comparable(await readTar(result.right), one.expect.tree)
    expect(trees.actual).toEqual(trees.expected)
  })
})
