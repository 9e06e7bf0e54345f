import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Fs from "node:fs"
import { afterAll, beforeAll, expect, it } from "vitest"
import * as LocalBaseImages from "../../src/interpreters/base/LocalBaseImages.ts"
import { Engine } from "../../src/interpreters/Engine.ts"
import * as OciRuntimeSandbox from "../../src/interpreters/sandbox/OciRuntimeSandbox.ts"
import type { Store, StoreError } from "../../src/interpreters/Store.ts"
import { scratchDirectory } from "../interpreters/host/scratch.ts"
import { disk } from "../interpreters/store/disk.ts"
import { kinds } from "../interpreters/store/kinds.ts"
import { describeWith } from "../requirements.ts"
import { build, expectCase, readCases, writeBase, writeContext } from "./buildCases.ts"

const cases = readCases()
const scratch = scratchDirectory("reference")

const makeRuntime = (store: Layer.Layer<Store, StoreError>) => {
  const services = Layer.mergeAll(
    store,
    OciRuntimeSandbox.layer({ stateDirectory: `${scratch.path}/state` }),
    LocalBaseImages.layer({ sourceDirectory: scratch.path })
  )
  return ManagedRuntime.make(Layer.provideMerge(Engine.layer, services))
}

for (const kind of kinds)
  describeWith([...kind.needs, "runc", "busybox"], `the reference builds, on runc and ${kind.name}`, () => {
    const place = kind.disk === undefined ? scratch : disk(kind.disk)
    let runtime: ReturnType<typeof makeRuntime>

    beforeAll(() => {
      if (!Fs.existsSync(`${scratch.path}/base`)) writeBase(`${scratch.path}/base`)
      runtime = makeRuntime(kind.layer(`${place.path}/store-${kinds.indexOf(kind)}`))
    })
    afterAll(async () => {
      await runtime.dispose()
      expect(Fs.existsSync(`${scratch.path}/state`) ? Fs.readdirSync(`${scratch.path}/state`) : []).toEqual([])
    })

    it.each(cases.map((one) => [one.id, one] as const))("%s", async (_id, one) => {
      const context = `${scratch.path}/${one.id}`
      if (!Fs.existsSync(context)) writeContext(context, one.context)
      const exit = await runtime.runPromiseExit(Effect.either(build(one, scratch.path)))
      await expectCase(one, exit)
    })
  })
