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
import { dirname } from "node:path"
import { beforeAll, expect, it } from "vitest"
import { describeWith, type Requirement } from "../requirements.ts"
import { freezeZfs, holdZfs, succeeds } from "../interpreters/store/zfsDaemon.ts"
import { until } from "../until.ts"
import { makeBase } from "./busybox.ts"
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
  /** Makes a file system in a file, and leaves it unmounted. */
  readonly make: (image: string) => void
  /** Mounts what is in the file `image` of a directory; gives what undoes that. */
  readonly mount: (image: string, path: string) => () => Promise<void> | void
  /** What stands after the colon of `--store`, for a store in `store` below the path. */
  readonly place: (path: string) => string
  /** What has to run meanwhile; gives what ends it. */
  readonly hold?: () => Promise<() => Promise<void>>
  /** Does something while the file is not written to, where the kernel does not see to that. */
  readonly still?: (work: () => void) => Promise<void> | void
}

const inLoop = (program: string, ...options: ReadonlyArray<string>): Pick<Kind, "make" | "mount" | "place"> => ({
  make: (image) => void run(program, ...options, image),
  mount: (image, path) => {
    run("mount", "-o", "loop", image, path)
    return () => void run("umount", path)
  },
  place: (path) => `${path}/store`
})

/** The same for all images: links in the store name their datasets' mount points. */
const POOL = `obuilder-power-${process.pid}`

const pool: Omit<Kind, "name" | "needs"> = {
  make: (image) => {
    run("zpool", "create", "-o", "cachefile=none", "-m", "none", POOL, image)
    run("zpool", "export", POOL)
  },
  mount: (image, path) => {
    run("zpool", "import", "-f", "-o", "cachefile=none", "-d", dirname(image), POOL)
    run("zfs", "set", `mountpoint=${path}`, POOL)
    // zfs-fuse learns a little late that nobody uses it any more.
    return () => until(`the pool ${POOL} is destroyed`, () => succeeds("zpool", "destroy", "-f", POOL))
  },
  place: () => `${POOL}/store`,
  hold: holdZfs,
  still: freezeZfs
}

const kinds: ReadonlyArray<Kind> = [
  { name: "overlayfs", needs: ["overlay"], ...inLoop("mkfs.ext4", "-q", "-F") },
  { name: "btrfs", needs: ["btrfs"], ...inLoop("mkfs.btrfs", "-q") },
  { name: "xfs", needs: ["xfs"], ...inLoop("mkfs.xfs", "-q", "-m", "reflink=1") },
  { name: "zfs", needs: ["zfs"], ...pool },
  { name: "rsync", needs: [], ...inLoop("mkfs.ext4", "-q", "-F") }
]

/** So many steps of the build are done when the machine goes down. */
const MOMENTS = [2, 9]

for (const { hold, make, mount, name, needs, place, still = (work: () => void) => work() } of kinds) {
  describeWith(["root", "runc", "busybox", ...needs], `a machine that goes down, with its store on ${name},`, () => {
    /** Where all file systems are mounted, one after the other. */
    const path = at(`${name}.mnt`)
    const STORE = `--store=${name}:${place(path)}`
    const words = ["build", STORE, "-f", at("spec"), at("source")]

    /** In what looks like another run of the kernel; what ZFS mounts is seen there too. */
    const afterwards = {
      through: [
        ...["unshare", "-m", "--propagation", "unchanged", "sh", "-c"],
        `mount --make-rprivate /proc && mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"`,
        at("boot")
      ]
    }

    beforeAll(async () => {
      if (!Fs.existsSync(at("base"))) {
        makeBase(at("base"))
        Fs.mkdirSync(at("source"))
        program.write("spec", spec())
        program.write("boot", "11111111-2222-3333-4444-555555555555\n")
      }
      Fs.mkdirSync(path)
      run("mount", "--bind", path, path)
      run("mount", "--make-shared", path)
      const release = await hold?.()
      return async () => {
        await release?.()
        run("umount", path)
      }
    })

    const mounted = async <A>(image: string, use: () => Promise<A>): Promise<A> => {
      const unmount = mount(image, path)
      try {
        return await use()
      } finally {
        await unmount()
      }
    }

    const resultIn = (stdout: string): string => /^Got: "([0-9a-f]{64})"$/m.exec(stdout)?.[1] ?? ""

    const exported = async (id: string, options: StartOptions = {}): Promise<string> => {
      const file = at("exported.tar")
      const { status, stderr } = await program.run(["export", STORE, "-o", file, id], options)
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
      return createHash("sha256").update(Fs.readFileSync(file)).digest("hex")
    }

    it("loses only what it has to, and builds the rest again to the same end", async () => {
      const imageOf = (moment: string): string => at(`${name}.${moment}/image`)
      const image = imageOf("whole")
      Fs.mkdirSync(dirname(image))
      Fs.closeSync(Fs.openSync(image, "w"))
      Fs.truncateSync(image, 2 ** 29)
      make(image)
      const expected = await mounted(image, async () => {
        const building = program.start(words)
        for (const step of MOMENTS) {
          await until(
            `step ${step} is done`,
            () => building.output().split("---> saved").length > step || building.isOver()
          )
          const copy = imageOf(String(step))
          Fs.mkdirSync(dirname(copy))
          await still(() => run("cp", "--sparse=always", image, copy))
        }
        const { stderr, stdout } = await building.ended
        expect(stdout, stderr).toContain("Got: ")
        return await exported(resultIn(stdout))
      })
      for (const step of MOMENTS) {
        await mounted(imageOf(String(step)), async () => {
          const results = `${path}/store/results`
          const before = Fs.existsSync(results) ? Fs.readdirSync(results).length : 0
          const { status, stderr, stdout } = await program.run(words, afterwards)
          expect(status, stderr).toBe(0)
          if (before > 0)
            expect(stderr).toMatch(/went down before (?:a result|[0-9]+ results) in .* surely reached the disk/)
          expect(await exported(resultIn(stdout), afterwards)).toBe(expected)
          // Now it is all of one run again.
          const again = await program.run(words, afterwards)
          expect(again.stdout).not.toContain("saved")
          expect(again.status).toBe(0)
        })
      }
    })
  })
}
