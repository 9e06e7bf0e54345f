/** Who a user is by what an image says. */
import { describe, expect, it } from "vitest"
import * as Passwd from "../../src/domain/Passwd.ts"

const passwd = [
  "root:x:0:0:root:/root:/bin/sh",
  "ann:x:70:71::/home/ann:",
  "5:x:80:81::/:/bin/sh",
  "ann:x:90:91::/:",
  ""
].join("\n")
const ids = (name: string, text = passwd) => Passwd.idsOf(text, { _tag: "Named", name })

describe("a name", () => {
  it("is the first account that is called so", () => {
    expect(ids("ann")).toEqual({ uid: 70, gid: 71 })
    expect(ids("bob")).toBeUndefined()
    expect(ids("")).toBeUndefined()
  })

  it("that is a number is never a login name, but the user with that number", () => {
    expect(ids("70")).toEqual({ uid: 70, gid: 71 })
    expect(ids("0070")).toEqual({ uid: 70, gid: 71 })
    expect(ids("5")).toEqual({ uid: 5, gid: 0 })
    expect(ids("0", "")).toEqual({ uid: 0, gid: 0 })
  })

  it("that is a number which no engine takes has to be in the file", () => {
    expect(ids("2147483647")).toEqual({ uid: 2147483647, gid: 0 })
    expect(ids("2147483648")).toBeUndefined()
    expect(ids("2147483648", "far:x:2147483648:9::/:\n")).toEqual({ uid: 2147483648, gid: 9 })
    expect(ids("4294967295", "far:x:4294967295:9::/:\n")).toBeUndefined()
    expect(ids("-1")).toBeUndefined()
    expect(ids("+70")).toBeUndefined()
  })

  it("is not looked for in lines that are none", () => {
    const broken = ["ann", "ann:x", "ann:x:a:b", "ann:x:-1:2", "ann:x:99999999999:1", ":::::", "\0"].join("\n")
    expect(ids("ann", broken)).toBeUndefined()
    expect(ids("ann", `${broken}\nann:x:1:2`)).toEqual({ uid: 1, gid: 2 })
  })
})

describe("groups", () => {
  it("are those that list a login name", () => {
    const group = "wheel:x:10:bob,ann\nnone:x:11:\nodd:x:x:ann\nlast:x:12:ann"
    expect(Passwd.groupsOf(group, "ann")).toEqual([10, 12])
    expect(Passwd.groupsOf(group, "an")).toEqual([])
  })
})
