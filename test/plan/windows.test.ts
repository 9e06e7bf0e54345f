/** What a plan makes of a spec whose base is for Windows. */
import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import { sha256 } from "../../src/domain/Digest.ts"
import { copyKey } from "../../src/domain/Inputs.ts"
import type { Copy, Op } from "../../src/domain/Spec.ts"
import type { CopyStep, RunStep, Step } from "../../src/plan/Plan.ts"
import { plan } from "../../src/plan/Planner.ts"
import * as WindowsPath from "../../src/plan/WindowsPath.ts"
import { copy, run, spec } from "../interpreters/builds.ts"

const planned = (ops: ReadonlyArray<Op>, platform = "windows/amd64") =>
  plan(spec("base", ops), {
    bases: new Map([["base", { format: "oci", digest: sha256(""), platform, environment: [] }]]),
    copies: new Map(
      ops.filter((op): op is Copy => op._tag === "Copy").map((op) => [copyKey(op), op.src.map((path) => leaf(path))])
    )
  })

const leaf = (path: string) => ({ path, root: { _tag: "Link" as const, name: path, target: "x" } })

const steps = (...ops: ReadonlyArray<Op>): ReadonlyArray<Step> => Either.getOrThrow(planned(ops)).steps.slice(1)
const aRun = (...ops: ReadonlyArray<Op>): RunStep => steps(...ops).at(-1) as RunStep
const aCopy = (...ops: ReadonlyArray<Op>): CopyStep => steps(...ops).at(-1) as CopyStep
const refusal = (...ops: ReadonlyArray<Op>) =>
  Either.match(planned(ops), { onLeft: ({ message }) => message, onRight: () => "planned" })

const workdir = (path: string): Op => ({ _tag: "Workdir", path })
const user = (name: string): Op => ({ _tag: "User", user: { _tag: "Named", name } })

describe("a plan for Windows", () => {
  it("begins in C:/, as ContainerAdministrator, with cmd", () => {
    expect(aRun(run("dir"))).toMatchObject({
      argv: ["cmd", "/S", "/C", "dir"],
      cwd: "C:/",
      user: { _tag: "Named", name: "ContainerAdministrator" },
      heading: "C:/: (run (shell dir))"
    })
    expect(aRun(user("ContainerUser"), run("dir")).user).toEqual({ _tag: "Named", name: "ContainerUser" })
    expect(aRun({ _tag: "Shell", args: ["powershell", "-Command"] }, run("dir")).argv).toEqual([
      ...["powershell", "-Command", "dir"]
    ])
  })

  it("joins directories as Windows does", () => {
    for (const [ops, cwd] of [
      [[workdir("a"), workdir("b\\c")], "C:/a/b/c"],
      [[workdir("d:\\x\\"), workdir("y")], "D:/x/y"],
      [[workdir("d:/x"), workdir("\\y")], "D:/y"],
      [[workdir("d:/x"), workdir("/y")], "D:/y"],
      [[workdir("a"), workdir("..\\..\\b\\.\\\\c")], "C:/b/c"],
      [[workdir("a b")], "C:/a b"]
    ] as const) {
      expect(aRun(...ops, run("x")).cwd).toBe(cwd)
    }
  })

  it("tells a directory to copy into from the name of a copy", () => {
    expect(aCopy(workdir("d:/w"), copy(["f"], "sub\\")).destination).toEqual({ form: "Into", path: "D:/w/sub" })
    expect(aCopy(copy(["f"], "/x/g")).destination).toEqual({ form: "As", path: "C:/x/g" })
    expect(aCopy(copy(["f"], "C:/")).destination).toEqual({ form: "Into", path: "C:/" })
    expect(refusal(copy(["f", "g"], "C:\\x"))).toMatch(/dst must be a directory/)
  })

  it("knows where mounts cannot be, or are twice", () => {
    expect(aRun(run("x", { caches: { a: "\\c" }, secrets: { s: "d:/s\\t" } }))).toMatchObject({
      caches: [{ id: "a", target: "C:/c" }],
      secrets: [{ id: "s", target: "D:/s/t" }]
    })
    expect(refusal(run("x", { caches: { a: "D:\\" } }))).toBe("nothing can be mounted on the root directory")
    expect(refusal(run("x", { caches: { a: "/c", b: "C:\\C" } }))).toBe('two mounts have the same target "C:/C"')
  })

  it("refuses what Windows has no such thing as", () => {
    const device = "a path cannot name another machine or a device"
    expect(refusal(workdir("\\\\server\\share"))).toBe(device)
    expect(refusal(copy(["f"], "//?/C:/x"))).toBe(device)
    expect(refusal(workdir("c:x"))).toMatch(/needs a slash after it/)
    for (const bad of ["a*", "C:/a:b", 'a"b', "a\0b", "a\nb", "a|b"]) {
      expect(refusal(workdir(bad))).toMatch(/cannot hold/)
      expect(refusal(copy(["f"], bad))).toMatch(/cannot hold/)
      expect(refusal(run("x", { caches: { a: bad } }))).toMatch(/cannot hold/)
    }
    expect(refusal({ _tag: "User", user: { _tag: "Unix", uid: 0, gid: 0 } })).toMatch(/have names, not numbers/)
  })

  it("cleans a path to one that it leaves alone", () => {
    for (const path of ["c:\\", "C:/a/../../b", "d:\\a\\\\.\\b\\", "C:/..", "z:/a b/c.d"]) {
      const clean = WindowsPath.clean(path)
      expect(clean).toMatch(/^[A-Z]:\/(?:[^/\\]+(?:\/[^/\\]+)*)?$/)
      expect(WindowsPath.clean(clean)).toBe(clean)
    }
  })
})
