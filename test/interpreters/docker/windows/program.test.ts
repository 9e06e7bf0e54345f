/** The program, with an engine of Windows. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { describeWith } from "../../../requirements.ts"
import { Program } from "../../../robustness/program.ts"
import { serve, withCygwin } from "./engine.ts"
import { baseImage, TOOLS } from "./subject.ts"

const program = new Program("windows")
const WRONG = 2
const FAILED = 1
const UNAVAILABLE = 3
const WINDOWS = "--platform=windows/amd64"

const SPEC = `((from docker-daemon:win:1)
 (workdir work)
 (copy (src file) (dst "C:\\\\taken\\\\"))
 (run (shell "type C:\\\\taken\\\\file > own & type own")))
`

describeWith(["root"], "the program, with an engine of Windows", () => {
  it.scopedLive("builds on an image that the engine has", () =>
    Effect.gen(function* () {
      const engine = yield* serve
      engine.images.set("docker.io/library/win:1", baseImage())
      engine.registry.set(TOOLS, withCygwin())
      program.write("source/file", "content\n")
      const file = program.write("win.spec", SPEC)
      const store = `--store=docker:${program.path("store")}`
      const environment = { DOCKER_HOST: engine.host, OBUILDER_WINDOWS_TOOLS: TOOLS }
      const words = [store, "-f", file, program.path("source")]
      const fails = async (status: number, ...args: ReadonlyArray<string>) =>
        (await program.fails(status, args, { environment }))
          .replaceAll(engine.host, "ENGINE")
          .replaceAll(/obuilder-[0-9a-f]{12}:[0-9a-f]{16}/g, "IMAGE")
      yield* Effect.promise(async () => {
        expect(await fails(WRONG, "build", ...words)).toMatchSnapshot()
        const elsewhere = [`--store=rsync:${program.path("other")}`, ...words.slice(1)]
        expect(await fails(FAILED, "build", "-q", WINDOWS, ...elsewhere)).toMatchSnapshot()
        const { status, stderr, stdout } = await program.run(["build", WINDOWS, ...words], { environment })
        expect(status, stderr).toBe(0)
        expect(stdout).toContain("content\n")
        const id = await program.builds([WINDOWS, ...words], { environment })
        expect(stdout).toContain(`Got: "${id}"`)
        expect(await fails(UNAVAILABLE, "export", store, id, "-o", program.path("out.tar"))).toMatchSnapshot()
      })
      expect(engine.faults).toEqual([])
      expect(engine.containers.size).toBe(0)
    })
  )
})
