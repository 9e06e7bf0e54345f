/** A disk that is full, at every stage of a build; and file systems that are read-only. */
import * as Fs from "node:fs"
import { beforeAll, beforeEach, describe, expect, it } from "vitest"
import { describeWith } from "../requirements.ts"
import { makeBase } from "./busybox.ts"
import { temporaryIn } from "./leftovers.ts"
import { type PrivateMount, privateMount } from "./privateMount.ts"
import { Program } from "./program.ts"

const program = new Program("full-disk")
const at = (name: string): string => program.path(name)
const disk = at("disk")
const store = `${disk}/store`
const STORE = `--store=overlayfs:${store}`

const MACHINE_LACKS = 3

/** Bytes of the large file, and of what the steps write: more than they are given room for. */
const LARGE = 3_000_000
/** For whatever is tried here. */
const ENOUGH = "40m"

const makeSources = (): void => {
  if (!Fs.existsSync(at("base"))) makeBase(at("base"))
  program.write("source/small", "small\n")
}

let mount: PrivateMount

const spec = (operations: string): string =>
  program.write("spec", `((from rootfs:${at("base")})\n (shell /bin/sh -c)\n ${operations})`)

const results = (): ReadonlyArray<string> => {
  const directory = mount.seen(`${store}/results`)
  return Fs.existsSync(directory) ? Fs.readdirSync(directory) : []
}

const fill = (size: string) =>
  mount.sh(`mountpoint -q ${disk} && umount ${disk}; mount -t tmpfs -o size=${size} tmpfs ${disk}`)

describeWith(["root", "runc", "overlay", "busybox"], "a disk that is full", () => {
  beforeAll(async () => {
    makeSources()
    program.write("source/large", Buffer.alloc(LARGE, "large"))
    for (let n = 0; n < 600; n++) program.write(`source/many/${n}`, `${n}\n`)
    Fs.mkdirSync(disk)
    mount = await privateMount("true")
  })

  /** The space that a base and nothing else needs, in KiB. */
  let needed = 0
  beforeAll(async () => {
    await fill(ENOUGH)
    await program.builds([STORE, "-f", spec(""), at("source")], mount)
    const { bsize, blocks, bfree } = Fs.statfsSync(mount.seen(disk))
    needed = ((blocks - bfree) * bsize) / 1024
  })

  beforeEach(() => fill(ENOUGH))

  const stages: Readonly<
    Record<string, { readonly operations: string; readonly room: number; readonly kept: number }>
  > = {
    "before anything is written": { operations: "", room: -Infinity, kept: 0 },
    "while a base is unpacked": { operations: "", room: -1000, kept: 0 },
    "while a large file is copied": { operations: "(copy (src large) (dst /))", room: 1000, kept: 1 },
    "while many files are copied": { operations: "(copy (src many) (dst /))", room: 1000, kept: 1 },
    "while a step's output is logged": {
      operations: '(run (shell "dd if=/dev/zero bs=1M count=3 2>/dev/null"))',
      room: 1000,
      kept: 1
    },
    "when a result is to be kept": {
      operations: '(run (shell "dd if=/dev/zero of=/zeros bs=1M count=3 2>/dev/null; true"))',
      room: 1000,
      kept: 1
    }
  }

  it.each(Object.entries(stages))(
    "fails a build %s, which succeeds once there is space",
    async (_, { kept, operations, room }) => {
      await fill(`${Math.max(4, Math.round(needed + room))}k`)
      const build = ["build", "-q", STORE, "-f", spec(operations), at("source")]
      const message = await program.fails(MACHINE_LACKS, build, mount)
      // Without the headings and the step's own output.
      expect(message.slice(message.search(/(obuilder|Build step failed): /))).toMatchSnapshot()
      expect(temporaryIn(mount.seen(store))).toEqual([])
      expect(results()).toHaveLength(kept)
      await mount.sh(`mount -o remount,size=${ENOUGH} ${disk}`)
      await program.builds(build.slice(2), mount)
      expect(temporaryIn(mount.seen(store))).toEqual([])
    }
  )

  it("is the step's own affair where the step writes to it", async () => {
    await fill(`${Math.round(needed + 1000)}k`)
    const full = spec(
      '(run (shell "dd if=/dev/zero of=/zeros bs=1M count=3 2>/dev/null || { rm /zeros; echo full; exit 9; }"))'
    )
    const message = await program.fails(1, ["build", "-q", STORE, "-f", full, at("source")], mount)
    expect(message).toMatch(/^full\nBuild step failed: .* failed with exit status 9$/m)
    expect(results()).toHaveLength(1)
  })

  it("leaves nothing of a file that an export was to write", async () => {
    const id = await program.builds([STORE, "-f", spec(""), at("source")], mount)
    await mount.sh(`mount -o remount,size=${Math.round(needed + 200)}k ${disk}`)
    const words = ["export", STORE, "--format=tar", id, "-o", `${disk}/result.tar`]
    expect(await program.fails(MACHINE_LACKS, words, mount)).toMatchSnapshot()
    expect(Fs.readdirSync(mount.seen(disk))).toEqual(["store"])
    Fs.writeFileSync(mount.seen(`${disk}/result.tar`), "before")
    await program.fails(MACHINE_LACKS, words, mount)
    expect(Fs.readFileSync(mount.seen(`${disk}/result.tar`), "utf8")).toBe("before")
  })
})

describeWith(["root", "runc", "overlay", "busybox"], "a read-only store", () => {
  const nested = () =>
    spec('(copy (src small) (dst /)) (run (cache (c (target /c))) (shell "echo hello; cat /small > /c/small"))')
  let id = ""
  let readOnly: PrivateMount

  beforeAll(async () => {
    makeSources()
    Fs.mkdirSync(at("writable"), { recursive: true })
    id = await program.builds([`--store=overlayfs:${at("writable")}`, "-f", nested(), at("source")])
    readOnly = await privateMount(
      `mount --bind ${at("writable")} ${at("writable")}; mount -o remount,bind,ro ${at("writable")}`
    )
  })

  const words = (command: string, ...args: ReadonlyArray<string>) => [
    command,
    `--store=overlayfs:${at("writable")}`,
    ...args
  ]

  describe("is good for reading:", () => {
    it("a build of which everything is cached", async () => {
      expect(await program.builds(words("build", "-f", nested(), at("source")).slice(1), readOnly)).toBe(id)
    })

    it("a dry run", async () => {
      const { status, stdout } = await program.run(words("build", "--dry-run", "-f", nested(), at("source")), readOnly)
      expect({ status, cached: stdout.match(/ cached /g)?.length }).toEqual({ status: 0, cached: 3 })
    })

    it("a log", async () => {
      expect(await program.run(words("log", id), readOnly)).toMatchObject({ status: 0, stdout: "hello\n" })
    })

    it("an export", async () => {
      const { status, stdout } = await program.run(words("export", "--format=tar", id), readOnly)
      expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining("etc/passwd") })
    })
  })

  it("is refused for a build that has something to do, and so is a new store below it", async () => {
    const other = spec("(copy (src small) (dst /other))")
    expect(
      await program.fails(MACHINE_LACKS, words("build", "-q", "-f", other, at("source")), readOnly)
    ).toMatchSnapshot()
    const below = ["build", "-q", `--store=overlayfs:${at("writable/results/new")}`, "-f", other, at("source")]
    expect(await program.fails(MACHINE_LACKS, below, readOnly)).toMatchSnapshot()
  })
})
