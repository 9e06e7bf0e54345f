/** A build of a thousand steps: no limit of the kernel's on layers or mount options is in its way. */
import { execFileSync } from "node:child_process"
import { copyFileSync, existsSync, mkdirSync, symlinkSync } from "node:fs"
import { beforeAll, expect, it } from "vitest"
import { describeWith } from "../requirements.ts"
import { makeBase } from "./busybox.ts"
import { Program } from "./program.ts"
import { placeFor, storeKinds } from "./stores.ts"

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

/** A container takes long; a copy takes none. So steps of a thousand are mostly copies, and all the store's work is done. */
const EVERY = 50
/** Whole trees cost by the file: there are only so many. */
const FILES = 7
/** ZFS as a program takes a tenth of a second for each step. */
const FEWER = new Map([["zfs", 300]])

for (const kind of storeKinds.filter(({ name }) => name !== "overlayfs")) {
  const count = FEWER.get(kind.name) ?? STEPS
  describeWith(["root", "runc", "busybox", ...kind.needs], `a spec of ${count} steps, on ${kind.name}`, () => {
    const place = placeFor(kind, program.path(kind.name.replaceAll(" ", "-")))

    it("builds, and is all there afterwards", async () => {
      mkdirSync(place.path, { recursive: true })
      const base = program.path("small")
      if (!existsSync(base)) {
        mkdirSync(`${base}/bin`, { recursive: true })
        copyFileSync(
          execFileSync("sh", ["-c", "command -v busybox"], { encoding: "utf8" }).trim(),
          `${base}/bin/busybox`
        )
        symlinkSync("busybox", `${base}/bin/sh`)
        program.write("files/file", "content\n")
      }
      const steps = Array.from({ length: count }, (_, n) =>
        n % EVERY === 0 ? `(run (shell "echo ${n} > /${n}"))` : `(copy (src file) (dst /f${n % FILES}))`
      )
      const all = [
        ...Array.from({ length: count / EVERY }, (_, n) => `[ $(cat /${n * EVERY}) = ${n * EVERY} ]`),
        `[ $(ls / | grep -c ^f) = ${FILES} ]`
      ]
      const words = [
        ...kind.words(`${place.path}/store`),
        "-f",
        program.write(
          "copies.spec",
          `((from rootfs:${base}) (shell /bin/sh -c)\n${steps.join("\n")}\n(run (shell "PATH=/bin; alias ls='busybox ls' cat='busybox cat' grep='busybox grep'; ${all.join(" && ")}")))`
        ),
        program.path("files")
      ]
      const first = await program.builds(words, { store: `${place.path}/store`, deadline: 300_000 })
      expect(await program.builds(["--runtime=/nonexistent", ...words], { deadline: 300_000 })).toBe(first)
    }, 320_000)
  })
}
