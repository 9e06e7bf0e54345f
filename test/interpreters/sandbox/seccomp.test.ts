/** The system calls that a step may not make. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe } from "vitest"
import * as Seccomp from "../../../src/interpreters/sandbox/Seccomp.ts"
import { describeWith } from "../../requirements.ts"
import { busyboxBase, open } from "./realSandbox.ts"

const EPERM = 1
const ENOTTY = 25
const ENOSYS = 38

/** What the profile does with a call, as libseccomp documents its rules: the error, or 0 where it is allowed. */
const verdict = (profile: Seccomp.Profile, name: string, argument: number): number =>
  profile.syscalls.find(
    (rule) =>
      rule.names.includes(name) &&
      (rule.args ?? []).every(({ op, value, valueTwo }) =>
        op === "SCMP_CMP_EQ" ? argument === value : (argument & value) >>> 0 === valueTwo
      )
  )?.errnoRet ?? 0

describe("the seccomp profile", () => {
  const profile = Seccomp.profile({ architecture: "x64", fastSync: false })

  it("allows the personalities that Docker allows, and no other", () => {
    const allowed = [0, 8, 0x20000, 0x20008, 0xffffffff]
    expect(allowed.map((value) => verdict(profile, "personality", value))).toEqual([0, 0, 0, 0, 0])
    const near = allowed.flatMap((value) => Array.from({ length: 32 }, (_, bit) => (value ^ (1 << bit)) >>> 0))
    for (const value of near.filter((value) => !allowed.includes(value))) {
      expect([value, verdict(profile, "personality", value)]).toEqual([value, EPERM])
    }
    FastCheck.assert(
      FastCheck.property(
        FastCheck.integer({ min: 0, max: 0xffffffff }),
        (value) => (verdict(profile, "personality", value) === 0) === allowed.includes(value)
      ),
      { numRuns: 2000 }
    )
  })

  it("denies clone exactly where a namespace flag is set", () => {
    const flags = 0x7e020000
    FastCheck.assert(
      FastCheck.property(
        FastCheck.integer({ min: 0, max: 0xffffffff }),
        (value) => (verdict(profile, "clone", value) === EPERM) === ((value & flags) !== 0)
      ),
      { numRuns: 2000 }
    )
    expect(verdict(profile, "clone", 0x01200011)).toBe(0)
  })

  it("leaves out what it knows nothing of: another machine's architectures", () => {
    expect(profile.architectures).toEqual(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"])
    expect(Seccomp.profile({ architecture: "arm64", fastSync: false }).architectures).toEqual([
      "SCMP_ARCH_AARCH64",
      "SCMP_ARCH_ARM"
    ])
    expect(Seccomp.profile({ architecture: "riscv64", fastSync: false })).not.toHaveProperty("architectures")
  })

  it("makes the calls that wait for the disk do nothing only when told to", () => {
    const fast = Seccomp.profile({ architecture: "x64", fastSync: true })
    const calls = ["fsync", "fdatasync", "msync", "sync", "syncfs", "sync_file_range"]
    const rule = fast.syscalls.find(({ names }) => names.includes("fsync"))
    expect(rule).toEqual({ names: calls, action: "SCMP_ACT_ERRNO", errnoRet: 0 })
    expect(profile.syscalls.some(({ names }) => names.some((name) => calls.includes(name)))).toBe(false)
  })
})

/** What the filter lets through in `probe.c`, whatever the kernel then says to it. */
const LET_THROUGH: ReadonlyArray<string> = [
  ...["clone()", "socket(UNIX)", "socket(INET)", "personality(ask)", "personality(LINUX32)", "getpid/32"],
  ...["personality(LINUX32|UNAME26)", "personality(LINUX)", "memfd_create", "getrandom", "chroot", "ptrace"],
  ...["process_vm_readv", "statx", "adjtimex", "ioctl(FICLONE)"]
]

/** What a denied call fails with. */
const errorOf = (name: string): number =>
  name.startsWith("clone3") ? ENOSYS : name.startsWith("ioctl") ? ENOTTY : EPERM

const SYNC: ReadonlyArray<string> = ["fsync", "fdatasync", "sync", "syncfs", "sync_file_range", "msync"]

for (const runtime of ["runc", "crun"] as const) {
  describeWith(["root", "busybox", "overlay", "gcc", runtime], `seccomp under ${runtime}`, () => {
    const base = busyboxBase()
    let probe = ""
    beforeAll(() => {
      const directory = Fs.mkdtempSync(`${tmpdir()}/obuilder-probe-`)
      probe = `${directory}/probe`
      execFileSync("gcc", ["-static", "-w", "-o", probe, fileURLToPath(new URL("probe.c", import.meta.url))])
    })
    afterAll(() => Fs.rmSync(probe.slice(0, probe.lastIndexOf("/")), { recursive: true, force: true }))

    const probed = (options: { readonly fastSync?: boolean; readonly uid?: number } = {}) =>
      Effect.gen(function* () {
        const { run } = yield* open(base, { runtime, fastSync: options.fastSync })
        const { outcome, output } = yield* run("", {
          argv: ["/probe"],
          user: { _tag: "Unix", uid: options.uid ?? 0, gid: 0 },
          entries: { probe: { content: Fs.readFileSync(probe), mode: 0o755 } }
        })
        expect(outcome).toBe("succeeded")
        return output
          .trim()
          .split("\n")
          .map((line) => ({
            name: line.slice(0, line.lastIndexOf(" ")),
            error: Number(line.slice(line.lastIndexOf(" ")))
          }))
      })

    for (const uid of [0, 1000]) {
      it.scopedLive(`a process of user ${uid} cannot make the denied calls, and can make the others`, () =>
        Effect.gen(function* () {
          const results = yield* probed({ uid })
          const denied = results.filter(({ name }) => !LET_THROUGH.includes(name) && !SYNC.includes(name))
          expect(denied.length).toBeGreaterThan(60)
          expect(denied.filter(({ name, error }) => error !== errorOf(name))).toEqual([])
          const allowed = results.filter(({ name }) => LET_THROUGH.includes(name))
          expect(allowed.map(({ name }) => name).sort()).toEqual(
            LET_THROUGH.filter((name) => process.arch === "x64" || !name.endsWith("/32")).toSorted()
          )
          const refused = allowed.filter(({ error }) => error === EPERM || error === ENOSYS)
          // Only root may change its root directory.
          expect(refused.map(({ name }) => name)).toEqual(uid === 0 ? [] : ["chroot"])
        })
      )
    }

    it.scopedLive("the calls that wait for the disk succeed without looking at their arguments under fast-sync", () =>
      Effect.gen(function* () {
        const sync = (results: ReadonlyArray<{ readonly name: string; readonly error: number }>) =>
          results.filter(({ name }) => SYNC.includes(name))
        const fast = sync(yield* probed({ fastSync: true }))
        expect(fast).toEqual(expect.arrayContaining(SYNC.map((name) => ({ name, error: 0 }))))
        const usual = sync(yield* probed())
        expect(usual.filter(({ error }) => error === 0).map(({ name }) => name)).toEqual(["sync"])
      })
    )
  })
}
