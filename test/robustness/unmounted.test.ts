/** A store whose file system is not mounted when it is used, or no longer. */
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { dirname } from "node:path"
import { beforeAll, expect, it } from "vitest"
import { type Disk, disk, poolAt } from "../interpreters/store/disk.ts"
import { succeeds } from "../interpreters/store/zfsDaemon.ts"
import { processesWith } from "../processes.ts"
import { describeWith } from "../requirements.ts"
import { until } from "../until.ts"
import { makeBase } from "./busybox.ts"
import { Program } from "./program.ts"
import { type StoreKind, storeKinds } from "./stores.ts"

const program = new Program("unmounted")
const at = (name: string): string => program.path(name)

const MACHINE_LACKS = 3

const run = (file: string, ...words: ReadonlyArray<string>): string =>
  execFileSync(file, words, { encoding: "utf8", stdio: "pipe" })

/** Takes the disk away, though files on it may be open. */
const takeAway = async (kind: StoreKind, { path }: Disk): Promise<void> => {
  if (kind.disk !== "zfs") run("umount", "-l", path)
  else await until("the pool is exported", () => succeeds("zpool", "export", poolAt(path)))
}

const bringBack = (kind: StoreKind, { image, path }: Disk): void => {
  if (kind.disk === "zfs") run("zpool", "import", "-o", "cachefile=none", "-d", dirname(image), poolAt(path))
  else run("mount", "-o", "loop", image, path)
}

/** Seconds, which tell a step's process from all others on the machine. */
const LONG = 100_000 + process.pid

const sleepers = () => processesWith((line) => line === `sleep\0${LONG}\0`)

const spec = (name: string, last: string): string =>
  program.write(
    name,
    `((from rootfs:${at("base")})
      (shell /bin/sh -c)
      (copy (src file) (dst /))
      (run (cache (c (target /c))) (shell "cat /file > /c/x; echo y > /y"))
      ${last})`
  )

for (const kind of storeKinds) {
  describeWith(
    ["root", "runc", "overlay", "busybox", "xfs", ...kind.needs],
    `the file system of a ${kind.name} store`,
    () => {
      const place = disk(kind.disk ?? "xfs")
      const words = kind.words(`${place.path}/store`)
      /** Without what is for builds only. */
      const [store = ""] = words
      const usual = () => spec("usual", "")
      const build = (file: string) => ["build", ...words, "-f", file, at("source")]
      const tarOf = async (id: string): Promise<string> => {
        const { status, stderr, stdout } = await program.run(["export", store, "--format=tar", id])
        expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
        return stdout
      }
      /** All that was kept is whole, and the same build executes nothing. */
      const isWhole = async (id: string, content: string): Promise<void> => {
        const { status, stderr, stdout } = await program.run(build(usual()))
        expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
        expect(stdout).toContain(`Got: "${id}"`)
        expect(stdout).not.toContain("---> saved as")
        expect(await tarOf(id)).toBe(content)
        expect(await program.run(["fsck", "--data", store])).toMatchObject({ status: 0, stderr: "" })
      }

      let id = ""
      let content = ""
      beforeAll(async () => {
        if (!Fs.existsSync(at("base"))) makeBase(at("base"))
        program.write("source/file", "content\n")
        id = await program.builds([...words, "-f", usual(), at("source")])
        content = await tarOf(id)
      }, 60_000)

      it("is not mounted: nothing is lost", async () => {
        await takeAway(kind, place)
        // Of a kind that no store but overlayfs and rsync can be on.
        run("mount", "-t", "tmpfs", "tmpfs", place.path)
        try {
          if (kind.disk === undefined) {
            expect(await program.builds([...words, "-f", usual(), at("source")])).toBe(id)
          } else {
            const message = await program.fails(MACHINE_LACKS, ["build", "-q", ...words, "-f", usual(), at("source")])
            expect(message).toMatch(/is not on btrfs|is not on a file system with reflinks|there is no ZFS pool/)
            expect(Fs.readdirSync(place.path)).toEqual([])
          }
        } finally {
          run("umount", place.path)
          bringBack(kind, place)
        }
        await isWhole(id, content)
      })

      // ZFS does not let go of a file system that is in use.
      if (kind.disk === "zfs") return

      it("goes during a build: nothing is lost, and the next build proceeds", async () => {
        const file = spec(
          "longer",
          `(run (shell "sleep ${LONG} || true; echo z > /z")) (run (shell "echo end > /end"))`
        )
        const running = program.start(build(file))
        await until("the step sleeps", () => sleepers().length === 1 || running.isOver())
        await takeAway(kind, place)
        for (const pid of sleepers()) process.kill(pid, "SIGKILL")
        const { status, stderr } = await running.ended
        expect({ status, stderr }).toEqual({
          status: MACHINE_LACKS,
          stderr: expect.stringMatching(/^obuilder: cannot .*: there is no such file or directory.*\n$/)
        })
        bringBack(kind, place)
        await isWhole(id, content)
        const again = program.builds([...words, "-f", file, at("source")], { store: `${place.path}/store` })
        await until("the step sleeps again", () => sleepers().length === 1)
        for (const pid of sleepers()) process.kill(pid, "SIGKILL")
        await again
        expect(Fs.readdirSync(`${place.path}/store/tmp`)).toEqual([])
      })
    }
  )
}
