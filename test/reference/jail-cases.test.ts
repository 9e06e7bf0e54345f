/** The reference builds in jails on ZFS, on the stand-ins for FreeBSD's programs: those whose steps are of users that the base knows. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Fs from "node:fs"
import { afterAll, beforeAll, expect, it } from "vitest"
import * as LocalBaseImages from "../../src/interpreters/base/LocalBaseImages.ts"
import { Engine, StepFailed } from "../../src/interpreters/Engine.ts"
import { CommandFailed } from "../../src/interpreters/Sandbox.ts"
import * as JailSandbox from "../../src/interpreters/sandbox/JailSandbox.ts"
import * as ZfsStore from "../../src/interpreters/store/ZfsStore.ts"
import { scratchDirectory } from "../interpreters/host/scratch.ts"
import { describeWith } from "../requirements.ts"
import { addFreeBsd } from "../standins/image.ts"
import { forTests, mountsBelow, pretend } from "../standins/standIns.ts"
import { type BuildCase, build, expectCase, readCases, writeBase, writeContext } from "./buildCases.ts"

/** Linux has its `/proc`. */
const cases = readCases().filter(({ spec }) => !spec.includes("/proc/"))
const scratch = scratchDirectory("jail-reference")

describeWith(["root", "busybox"], "the reference builds, in jails on zfs", () => {
  pretend("freebsd")
  const standIns = forTests(["zfs", "jail", "jexec", "umount"])
  const makeRuntime = () => {
    const services = Layer.mergeAll(
      ZfsStore.layer({ dataset: "tank/store" }),
      JailSandbox.layer({ stateDirectory: `${scratch.path}/state` }),
      LocalBaseImages.layer({ sourceDirectory: scratch.path })
    )
    return ManagedRuntime.make(Layer.provideMerge(Engine.layer, services))
  }
  let runtime: ReturnType<typeof makeRuntime>

  beforeAll(() => {
    writeBase(`${scratch.path}/base`)
    addFreeBsd(`${scratch.path}/base`)
    standIns.pool("tank")
    runtime = makeRuntime()
  })
  afterAll(async () => {
    await runtime.dispose()
    expect(Fs.existsSync(`${scratch.path}/state`) ? Fs.readdirSync(`${scratch.path}/state`) : []).toEqual([])
    // The pool's own, and its root's; of results nothing is mounted.
    expect(mountsBelow(`${standIns.path}/tank`)).toHaveLength(1)
  })

  it.each(cases.map((one) => [one.id, one] as const))("%s", async (_id, one: BuildCase) => {
    const context = `${scratch.path}/${one.id}`
    writeContext(context, one.context)
    const exit = await runtime.runPromiseExit(Effect.either(build(one, scratch.path)))
    // Who is nobody in the image cannot log in.
    if (Exit.isSuccess(exit) && Either.isLeft(exit.value) && isOfStranger(exit.value.left)) {
      return expect(one.spec).toContain("(user ")
    }
    await expectCase(one, exit)
  })
})

const isOfStranger = (error: unknown): boolean =>
  error instanceof StepFailed &&
  error.reason instanceof CommandFailed &&
  error.reason.outcome._tag === "NotStarted" &&
  /\/etc\/passwd has no user/.test(error.reason.outcome.reason)
