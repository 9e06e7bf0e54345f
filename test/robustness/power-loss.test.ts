/**
 * A machine that goes down in the middle of a build. What its disk would hold
 * then is what the file below a loop device holds: what the kernel has not
 * written yet is not in it. A copy of that file, taken while the build goes on,
 * is mounted, and the build is started again in what looks like another run of
 * the kernel.
 */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import { expect, it } from "vitest"
import { describeWith, type Requirement } from "../requirements.ts"
import { makeBase } from "./busybox.ts"
import { until } from "../until.ts"
import { Program, type StartOptions } from "./program.ts"

const program = new Program("power")
const at = (name: string): string => program.path(name)

const run = (command: string, ...args: ReadonlyArray<string>) => execFileSync(command, args, { stdio: "pipe" })

/** Each step changes files of earlier ones, so that a lost part of one shows in all that follow. */
const STEPS = 12

const spec = () => `
((from rootfs:${at("base")}) (shell /bin/sh -c)
${Array.from(
  { length: STEPS },
  (_, step) => ` (run (cache (c (target /c))) (shell "echo ${step} >> /log; echo ${step} >> /c/log; mkdir /d${step};
    for i in $(seq 50); do echo ${step} > /d${step}/$i; echo ${step} >> /all-$i; done; echo step ${step}"))`
).join("\n")}
 (run (shell "find / -xdev -exec touch -h -d @0 {} + 2>/dev/null; true")))`

interface Kind {
  readonly name: string
  readonly needs: ReadonlyArray<Requirement>
  readonly make: ReadonlyArray<string>
}

const kinds: ReadonlyArray<Kind> = [
  { name: "overlayfs", needs: ["overlay"], make: ["mkfs.ext4", "-q", "-F"] },
  { name: "btrfs", needs: ["btrfs"], make: ["mkfs.btrfs", "-q"] },
  { name: "xfs", needs: ["xfs"], make: ["mkfs.xfs", "-q", "-m", "reflink=1"] },
  { name: "rsync", needs: [], make: ["mkfs.ext4", "-q", "-F"] }
]

/** So many steps of the build are done when the machine goes down. */
const MOMENTS = [2, 9]

/** Runs `use` with a file system that is in a file. */
const mounted = async <A>(image: string, use: (path: string) => Promise<A>): Promise<A> => {
  const path = `${image}.mnt`
  Fs.mkdirSync(path, { recursive: true })
  run("mount", "-o", "loop", image, path)
  try {
    return await use(path)
  } finally {
    run("umount", path)
  }
}

for (const { make, name, needs } of kinds) {
  describeWith(["root", "runc", "busybox", ...needs], `a machine that goes down, with its store on ${name},`, () => {
    const words = (store: string) => [`--store=${name}:${store}/store`, "-f", at("spec"), at("source")]

    /** In what looks like another run of the kernel. */
    const afterwards = {
      through: [
        "unshare",
        "-m",
        "sh",
        "-c",
        `mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"`,
        at("boot")
      ]
    }

    const resultIn = (stdout: string): string => /^Got: "([0-9a-f]{64})"$/m.exec(stdout)?.[1] ?? ""

    const exported = async (store: string, id: string, options: StartOptions = {}): Promise<string> => {
      const file = at("exported.tar")
      const ended = await program.run(["export", `--store=${name}:${store}/store`, "-o", file, id], options)
      expect(ended.stderr).toBe("")
      expect(ended.status).toBe(0)
      return createHash("sha256").update(Fs.readFileSync(file)).digest("hex")
    }

    it("loses only what it has to, and builds the rest again to the same end", async () => {
      if (!Fs.existsSync(at("base"))) {
        makeBase(at("base"))
        Fs.mkdirSync(at("source"))
        program.write("spec", spec())
        program.write("boot", "11111111-2222-3333-4444-555555555555\n")
      }
      const image = at(`${name}.image`)
      Fs.closeSync(Fs.openSync(image, "w"))
      Fs.truncateSync(image, 2 ** 29)
      const [mkfs = "", ...options] = make
      run(mkfs, ...options, image)
      const copies: Array<string> = []
      const expected = await mounted(image, async (store) => {
        const building = program.start(["build", ...words(store)])
        for (const step of MOMENTS) {
          await until(
            `step ${step} is done`,
            () => building.output().split("---> saved").length > step || building.isOver()
          )
          const copy = `${image}.${step}`
          run("cp", "--sparse=always", image, copy)
          copies.push(copy)
        }
        const { stderr, stdout } = await building.ended
        expect(stdout, stderr).toContain("Got: ")
        return await exported(store, resultIn(stdout))
      })
      for (const copy of copies) {
        await mounted(copy, async (store) => {
          const before = Fs.existsSync(`${store}/store/results`) ? Fs.readdirSync(`${store}/store/results`).length : 0
          const { status, stderr, stdout } = await program.run(["build", ...words(store)], afterwards)
          expect(status, stderr).toBe(0)
          if (before > 0)
            expect(stderr).toMatch(/went down before (?:a result|[0-9]+ results) in .* surely reached the disk/)
          expect(await exported(store, resultIn(stdout), afterwards)).toBe(expected)
          // Now it is all of one run again.
          const again = await program.run(["build", ...words(store)], afterwards)
          expect(again.stdout).not.toContain("saved")
          expect(again.status).toBe(0)
        })
      }
    })
  })
}
