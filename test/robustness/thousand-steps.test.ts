/** A build of a thousand steps: no limit of the kernel's on layers or mount options is in its way. */
import { beforeAll, expect, it } from "vitest"
import { describeWith } from "../requirements.ts"
import { makeBase } from "./busybox.ts"
import { Program } from "./program.ts"

const STEPS = 1_000
const program = new Program("thousand-steps")

describeWith(["root", "runc", "overlay", "busybox"], "a spec of a thousand steps", () => {
  const store = program.path("store")
  const build = (name: string, operations: string): ReadonlyArray<string> => [
    `--store=overlayfs:${store}`,
    "-f",
    program.write(name, `((from rootfs:${program.path("base")}) (shell /bin/sh -c)\n${operations})`),
    program.path("source")
  ]
  const steps = Array.from(
    { length: STEPS },
    (_, n) => `(run (shell "${n % 100 === 0 ? `echo ${n} > /${n}` : `: ${n}`}"))`
  ).join("\n")
  const long = { deadline: 300_000 }

  beforeAll(() => {
    makeBase(program.path("base"))
    program.write("source/file", "content\n")
  })

  it("builds, and what each step left is there for copies and steps after it", async () => {
    const first = await program.builds(build("long.spec", steps), { store, ...long })
    // A thousand containers more would be no good: everything is cached, and runs without a runtime.
    expect(await program.builds(["--runtime=/nonexistent", ...build("long.spec", steps)], { store, ...long })).toBe(
      first
    )
    const checks = Array.from({ length: STEPS / 100 }, (_, n) => `[ $(cat /${n * 100}) = ${n * 100} ]`).join(" && ")
    const more = `${steps}\n(copy (src file) (dst /etc/))\n(run (shell "cat /etc/file /etc/passwd && ${checks}"))`
    await program.builds(build("longer.spec", more), { store, ...long })
  }, 320_000)
})
