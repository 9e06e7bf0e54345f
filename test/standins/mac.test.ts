/** The stand-ins for the programs of macOS take what the manual pages say, do it, and refuse the rest. */
import * as Fs from "node:fs"
import { afterEach, beforeEach, expect, it } from "vitest"
import { describeWith } from "../requirements.ts"
import { make } from "./standIns.ts"

describeWith(["root"], "the stand-ins for macOS", () => {
  let standIns: ReturnType<typeof make>
  beforeEach(() => {
    standIns = make(["dscl", "su", "pkill", "zfs"])
  })
  afterEach(() => standIns.discard())

  /** Runs one with words; gives what it wrote, and how it failed. */
  const run = (program: string, words: string): string => {
    const { status, stderr, stdout } = standIns.run(program, ...words.split(" ").filter((word) => word !== ""))
    return status === 0 ? stdout.trim() : `${status}: ${stderr.trim()}`
  }

  it("dscl keeps users", () => {
    const numbers = () => run("dscl", ". -list /Users UniqueID").replaceAll(/ +/g, " ").split("\n")
    expect(numbers()).toEqual(["_www 70", "daemon 1", "nobody -2", "root 0"])
    expect(run("dscl", ". -create /Users/ann")).toBe("")
    expect(numbers()).toHaveLength(4)
    expect(run("dscl", ". -create /Users/ann UserShell /bin/bash")).toBe("")
    expect(run("dscl", ". -create /Users/ann UniqueID 705")).toBe("")
    expect(numbers()).toContain("ann 705")
    expect(run("dscl", ". list /Users")).toBe("_www\nann\ndaemon\nnobody\nroot")
    expect(run("dscl", ". -read /Users/ann UniqueID RealName UserShell")).toBe(
      "UniqueID: 705\nNo such key: RealName\nUserShell: /bin/bash"
    )
    expect(run("dscl", ". -delete /Users/ann")).toBe("")
    expect(run("dscl", ". -read /Users/ann UniqueID")).toMatch(/^56: .*eDSRecordNotFound/s)
    expect(run("dscl", ". -create /Users/a*b")).toMatch(/^56: .*eDSInvalidRecordName/s)
    expect(run("dscl", ". -create /Users/ann UniqueID many")).toMatch(/^56: .*eDSAttributeTypeMismatch/s)
    expect(standIns.refused()).toEqual([])
  })

  it("refuse, and note, what is not in the manual, or means others", () => {
    const wrong = [
      ["dscl", ""],
      ["dscl", "."],
      ["dscl", "localhost -list /Users"],
      ["dscl", ". -explode /Users"],
      ["dscl", ". -list /Groups"],
      ["dscl", ". -list /Users uid"],
      ["dscl", ". -create ann"],
      ["dscl", ". -create /Users/ann/x"],
      ["dscl", ". -create /Users/ann Home /x"],
      ["dscl", ". -create /Users/ann UniqueID 0"],
      ["dscl", ". -create /Users/ann UniqueID 1 2"],
      ["su", ""],
      ["su", "ann -c true"],
      ["su", "-l"],
      ["su", "-lc true ann"],
      ["su", "-c true -l ann"],
      ["su", "--login ann"],
      ["pkill", ""],
      ["pkill", "-U 705"],
      ["pkill", "-9"],
      ["pkill", "-9 -U"],
      ["pkill", "-9 -U root"],
      ["pkill", "-9 -U 0"],
      ["pkill", "-9 -u 705"],
      ["pkill", "-9 -U 705 sleep"]
    ] as const
    for (const [program, words] of wrong) {
      expect([program, words, run(program, words)]).toEqual([program, words, expect.stringMatching(/^\d+: .*usage/s)])
    }
    expect(standIns.refused()).toHaveLength(wrong.length)
  })

  it("su knows the users of dscl, and pkill says when there is no process", () => {
    expect(run("su", "-l ann -c true")).toBe("1: su: unknown login: ann")
    expect(standIns.run("pkill", "-9", "-U", "60799")).toEqual({ status: 1, stdout: "", stderr: "" })
  })

  it("zfs mounts what belongs elsewhere below the users' root", () => {
    const pool = standIns.pool("tank")
    Fs.mkdirSync(`${standIns.path}/root`)
    expect(run("zfs", "create tank/a")).toBe("")
    Fs.writeFileSync(`${pool}/a/file`, "content")
    expect(run("zfs", "set mountpoint=/Users/ann tank/a")).toBe("")
    expect(Fs.existsSync("/Users/ann")).toBe(false)
    expect(Fs.readFileSync(`${standIns.path}/root/Users/ann/file`, "utf8")).toBe("content")
    expect(run("zfs", "list -H -o mountpoint,mounted tank/a")).toBe("/Users/ann\tyes")
    expect(run("zfs", "inherit mountpoint tank/a")).toBe("")
    expect(Fs.readFileSync(`${pool}/a/file`, "utf8")).toBe("content")
    expect(Fs.existsSync(`${standIns.path}/root/Users/ann`)).toBe(false)
  })
})
