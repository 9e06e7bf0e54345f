/** The stand-ins for jail, jexec and umount take what the manual pages say, do it, and refuse the rest. */
import * as Fs from "node:fs"
import { afterEach, beforeEach, expect, it } from "vitest"
import { describeWith } from "../requirements.ts"
import { fillFreeBsd } from "./image.ts"
import { make, mountsBelow } from "./standIns.ts"

describeWith(["root", "busybox"], "the stand-in for jail", () => {
  let standIns: ReturnType<typeof make>
  let root = ""
  beforeEach(() => {
    standIns = make(["jail", "jexec", "umount"])
    root = `${standIns.path}/root`
    fillFreeBsd(root)
    Fs.mkdirSync(`${root}/mnt`)
    Fs.mkdirSync(`${standIns.path}/source`)
  })
  afterEach(() => {
    const { path } = standIns
    standIns.run("jail", "-q", "-r", "one")
    standIns.discard()
    expect(mountsBelow(path)).toEqual([])
  })

  const run = (program: string, ...args: ReadonlyArray<string>): string => {
    const { status, stderr, stdout } = standIns.run(program, ...args)
    return status === 0 ? stdout.trim() : `${status}: ${stderr.split("\n")[0]}`
  }
  const create = (...params: ReadonlyArray<string>): string =>
    run("jail", "-q", "-c", "name=one", `path=${root}`, "host.hostname=h", "persist", ...params)

  it("makes a jail with what is mounted in it, runs commands there, and ends them", () => {
    Fs.writeFileSync(`${standIns.path}/fstab`, `${standIns.path}/source ${root}/mnt nullfs rw,nosuid 0 0\n`)
    expect(
      create(
        "mount.devfs",
        `mount.fstab=${standIns.path}/fstab`,
        "vnet",
        "exec.start=/sbin/ifconfig lo0 inet 127.0.0.1/8 up"
      )
    ).toBe("")
    expect(mountsBelow(root)).toEqual([`${root}/mnt`, `${root}/dev`])
    expect(run("jexec", "one", "/bin/sh", "-c", "hostname; pwd; echo x > /mnt/x; test -c /dev/null && echo null")).toBe(
      "h\n/\nnull"
    )
    expect(Fs.readFileSync(`${standIns.path}/source/x`, "utf8")).toBe("x\n")
    expect(run("jexec", "one", "/bin/sh", "-c", "exit 7")).toMatch(/^7: /)
    expect(create()).toBe('1: jail: jail "one" already exists')
    expect(run("jail", "-q", "-r", "one")).toBe("")
    expect(run("jail", "-q", "-r", "one")).toBe('1: jail: "one" not found')
    expect(run("jexec", "one", "/bin/true")).toBe('1: jexec: jail "one" not found')
    expect(run("umount", `${root}/dev`)).toBe("")
    expect(run("umount", `${root}/dev`)).toContain("not a file system root directory")
    const file = Fs.openSync(`${root}/mnt/x`, "r")
    expect(run("umount", `${root}/mnt`)).toContain("Device busy")
    Fs.closeSync(file)
    expect(run("umount", "-f", `${root}/mnt`)).toBe("")
    expect(standIns.refused()).toEqual([])
  })

  it("says 1 of a command that fails while it is made, and makes none", () => {
    expect(create("mount.devfs", "vnet", "exec.start=/bin/false")).toBe("1: jail: one: /bin/false: failed")
    expect(mountsBelow(root)).toEqual([])
    expect(run("jail", "-q", "-r", "one")).toBe('1: jail: "one" not found')
  })

  it("mounts nothing through a link, or outside", () => {
    Fs.rmdirSync(`${root}/mnt`)
    Fs.symlinkSync("/tmp", `${root}/mnt`)
    for (const target of [`${root}/mnt`, standIns.path]) {
      Fs.writeFileSync(`${standIns.path}/fstab`, `${standIns.path}/source ${target} nullfs rw 0 0\n`)
      expect(create(`mount.fstab=${standIns.path}/fstab`)).toMatch(/is a symbolic link|outside of the jail/)
    }
  })

  it("refuses, and notes, what is not in the manual", () => {
    const named = ["-q", "-c", "name=one", `path=${root}`, "persist"]
    const wrong: ReadonlyArray<ReadonlyArray<string>> = [
      ["jail"],
      ["jail", "-x"],
      ["jail", "-c"],
      ["jail", "-r"],
      ["jail", "-r", "a;b"],
      ["jail", ...named, "mount.defvs"],
      ["jail", ...named, "persist"],
      ["jail", ...named, "vnet=maybe"],
      ["jail", ...named, "ip4=some"],
      ["jail", ...named, "host.hostname"],
      ["jail", ...named, "command=/bin/true"],
      ["jail", "-c", "name=one", "path=relative", "persist"],
      ["jail", "-c", "name=one", "path=/a b", "persist"],
      ["jail", "-c", `path=${root}`, "persist"],
      ["jexec", "one"],
      ["jexec", "-x", "one", "/bin/true"],
      ["umount"],
      ["umount", "-q", "/mnt"],
      ["umount", "relative"]
    ]
    for (const [program = "", ...args] of wrong) {
      const { status, stderr } = standIns.run(program, ...args)
      expect([program, ...args, status, stderr]).toEqual([program, ...args, 1, expect.stringContaining("usage:")])
    }
    expect(standIns.refused()).toHaveLength(wrong.length)
    Fs.writeFileSync(`${standIns.path}/fstab`, `${standIns.path}/source ${root}/mnt ufs rw 0 0\n`)
    expect(create(`mount.fstab=${standIns.path}/fstab`)).toContain("the stand-in has no ufs")
    Fs.writeFileSync(`${standIns.path}/fstab`, `${standIns.path}/source ${root}/mnt nullfs rw\n`)
    expect(create(`mount.fstab=${standIns.path}/fstab`)).toContain("not six fields")
    expect(mountsBelow(root)).toEqual([])
  })
})
