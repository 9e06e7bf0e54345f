/** The stand-in for zfs takes what the manual pages say, does it, and refuses the rest. */
import * as Fs from "node:fs"
import { afterEach, beforeEach, expect, it } from "vitest"
import { describeWith } from "../requirements.ts"
import { make, mountsBelow } from "./standIns.ts"

describeWith(["root"], "the stand-in for zfs", () => {
  let standIns: ReturnType<typeof make>
  let pool = ""
  beforeEach(() => {
    standIns = make(["zfs"])
    pool = standIns.pool("tank")
  })
  afterEach(() => {
    const { path } = standIns
    standIns.discard()
    expect(mountsBelow(path)).toEqual([])
  })

  /** Runs it with words; gives what it wrote, and how it failed. */
  const zfs = (words: string): string => {
    const { status, stderr, stdout } = standIns.run("zfs", ...words.split(" "))
    return status === 0 ? stdout.trim() : `${status}: ${stderr.trim()}`
  }
  const write = (path: string, text: string) => Fs.writeFileSync(`${pool}/${path}`, text)
  const read = (path: string) => Fs.readFileSync(`${pool}/${path}`, "utf8")

  it("makes file systems, mounted where they belong, with devices of their own", () => {
    expect(zfs("create tank/a")).toBe("")
    expect(zfs("create -p -o canmount=off -o atime=off tank/x/y/z")).toBe("")
    expect(Fs.statSync(`${pool}/a`).dev).not.toBe(Fs.statSync(pool).dev)
    expect(zfs("list -H -r -o name,mounted,canmount,mountpoint tank/x")).toBe(
      [`tank/x\tyes\ton\t${pool}/x`, `tank/x/y\tyes\ton\t${pool}/x/y`, `tank/x/y/z\tno\toff\t${pool}/x/y/z`].join("\n")
    )
    expect(zfs("get -H -o value,source atime,exec tank/x/y/z")).toBe("off\tlocal\non\tdefault")
    expect(zfs(`list -H -o name ${pool}/a`)).toBe("tank/a")
    expect(zfs("create tank/a")).toBe("1: cannot create 'tank/a': dataset already exists")
    expect(zfs("create -p tank/a")).toBe("")
    expect(zfs("create tank/no/b")).toBe("1: cannot create 'tank/no/b': parent does not exist")
    expect(zfs("create none/b")).toBe("1: cannot create 'none/b': no such pool 'none'")
  })

  it("keeps what a snapshot has, and clones it", () => {
    zfs("create tank/a")
    write("a/file", "one")
    expect(zfs("snapshot tank/a@1")).toBe("")
    write("a/file", "two")
    expect(zfs("clone tank/a@1 tank/b")).toBe("")
    expect(zfs("clone -o readonly=on tank/a@1 tank/c")).toBe("")
    expect([read("a/file"), read("b/file"), read("c/file")]).toEqual(["two", "one", "one"])
    write("b/file", "three")
    expect(() => write("c/file", "four")).toThrow(/EROFS/)
    expect(read("c/file")).toBe("one")
    expect(zfs("unmount tank/a")).toBe("")
    expect(zfs("snapshot tank/a@2")).toBe("")
    zfs("mount tank/a")
    write("a/file", "later")
    zfs("clone tank/a@2 tank/d")
    expect(read("d/file")).toBe("two")
    expect(zfs("list -H -o name -t snapshot -r tank")).toBe("tank/a@1\ntank/a@2")
    expect(zfs("get -H -o value origin tank/b")).toBe("tank/a@1")
    expect(zfs("get -H -p -o value guid tank/a@1")).toMatch(/^\d+$/)
    expect(zfs("get -H -p -o value guid tank/a@1")).not.toBe(zfs("get -H -p -o value guid tank/a@2"))
  })

  it("destroys what nothing depends on", () => {
    zfs("create tank/a")
    zfs("create tank/a/b")
    expect(zfs("destroy tank/a")).toBe(
      "1: cannot destroy 'tank/a': filesystem has children\nuse '-r' to destroy the following datasets:\ntank/a/b"
    )
    zfs("snapshot tank/a@1")
    zfs("clone tank/a@1 tank/c")
    expect(zfs("destroy tank/a@1")).toContain("snapshot has dependent clones\nuse '-R'")
    expect(zfs("destroy -r tank/a")).toContain("filesystem has dependent clones\nuse '-R'")
    expect(zfs("destroy -d tank/a@1")).toBe("")
    expect(zfs("list -H -o name tank/a@1")).toBe("tank/a@1")
    zfs("destroy tank/c")
    expect(zfs("list -H -o name tank/a@1")).toBe("1: cannot open 'tank/a@1': dataset does not exist")
    expect(zfs("destroy -r tank/a")).toBe("")
    expect(Fs.readdirSync(pool)).toEqual([])
    expect(zfs("destroy tank/a")).toBe("1: cannot open 'tank/a': dataset does not exist")
    expect(zfs("destroy tank/a@1")).toBe("1: could not find any snapshots to destroy; check snapshot names.")
    zfs("create tank/a")
    zfs("snapshot tank/a@1")
    zfs("clone tank/a@1 tank/c")
    expect(zfs("destroy -R tank/a")).toBe("")
    expect(zfs("list -H -o name")).toBe("tank")
    // A pool is left, and nothing of the others.
    expect(mountsBelow(standIns.path)).toHaveLength(2)
  })

  it("does not unmount what is in use", () => {
    zfs("create tank/a")
    const file = Fs.openSync(`${pool}/a/open`, "w")
    expect(zfs("unmount tank/a")).toBe(`1: cannot unmount '${pool}/a': pool or dataset is busy`)
    expect(zfs("destroy tank/a")).toBe(`1: cannot unmount '${pool}/a': pool or dataset is busy`)
    Fs.closeSync(file)
    expect(zfs("destroy tank/a")).toBe("")
  })

  it("promotes clones", () => {
    zfs("create tank/a")
    zfs("snapshot tank/a@1")
    zfs("clone tank/a@1 tank/b")
    expect(zfs("promote tank/a")).toBe("1: cannot promote 'tank/a': not a cloned filesystem")
    expect(zfs("promote tank/b")).toBe("")
    expect(zfs("list -H -o name,origin -t all -r tank")).toBe("tank\t-\ntank/a\ttank/b@1\ntank/b\t-\ntank/b@1\t-")
    expect(zfs("destroy tank/a")).toBe("")
    expect(zfs("destroy -r tank/b")).toBe("")
  })

  it("sets, inherits and renames", () => {
    zfs("create tank/a")
    write("a/file", "content")
    expect(zfs("set readonly=on tank/a")).toBe("")
    expect(() => write("a/file", "x")).toThrow(/EROFS/)
    expect(zfs("inherit readonly tank/a")).toBe("")
    write("a/file", "new")
    expect(zfs("rename tank/a tank/b")).toBe("")
    expect(read("b/file")).toBe("new")
    expect(zfs(`set mountpoint=${standIns.path}/else tank/b`)).toBe("")
    expect(Fs.readFileSync(`${standIns.path}/else/file`, "utf8")).toBe("new")
    expect(zfs("mount")).toContain(`${standIns.path}/else`)
    expect(zfs("unmount tank/b")).toBe("")
    expect(zfs("unmount tank/b")).toBe("1: cannot unmount 'tank/b': not currently mounted")
    expect(zfs("mount tank/b")).toBe("")
    expect(zfs("mount tank/b")).toBe("1: cannot mount 'tank/b': filesystem already mounted")
    expect(zfs("set readonly=maybe tank/b")).toContain("must be one of 'on | off'")
    expect(zfs("set used=1 tank/b")).toContain("'used' is readonly")
    expect(standIns.refused()).toEqual([])
  })

  it("refuses, and notes, what is not in the manual", () => {
    const wrong = [
      "",
      "explode tank",
      "create -x tank/a",
      "create tank/a -o atime=off",
      "create",
      "clone tank/a@1",
      "clone -r tank/a@1 tank/b",
      "list -Z",
      "list -o nothing",
      "list -t thing",
      "get -H tank nothing",
      "get",
      "destroy -x tank/a",
      "destroy",
      "set tank",
      "mount -q tank",
      "promote -r tank/b"
    ]
    for (const words of wrong) expect([words, zfs(words)]).toEqual([words, expect.stringMatching(/^2: .*usage/s)])
    expect(standIns.refused()).toEqual(wrong.map((words) => ["zfs", ...words.split(" ")].join("\t")))
    expect(standIns.calls().slice(-wrong.length)).toHaveLength(wrong.length)
    for (const name of ["/tank/a", "tank//a", "tank/a@", "tank/a b", "tank/../x"]) {
      const { status, stderr } = standIns.run("zfs", "create", name)
      expect([name, status, stderr]).toEqual([name, 1, expect.stringMatching(/^cannot create/)])
    }
  })
})
