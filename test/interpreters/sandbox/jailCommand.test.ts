/** What a jail is made and used with; and that no shell on the way reads a step's words as anything but words. */
import { describe, expect, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import { create, execute, forAnyShell, outcomeOf, script } from "../../../src/interpreters/sandbox/JailCommand.ts"
import { command } from "../../laws/sandboxSubject.ts"
import { describeWith } from "../../requirements.ts"
import { scratchDirectory } from "../host/scratch.ts"

const scratch = scratchDirectory("jail-command")

/** Characters that shells care about, more often than others. */
const text = (): FastCheck.Arbitrary<string> =>
  FastCheck.stringOf(
    FastCheck.oneof(
      FastCheck.constantFrom(
        ...`'"\\$\`!%^&*()[]{}<>|;#~?=-+\n\t \r`,
        "\\0101",
        "\\c",
        "%s",
        "$(id)",
        "'\\''",
        "!!",
        "\u0081"
      ),
      FastCheck.fullUnicode().filter((character) => character !== "\0" && !/[\ud800-\udfff]/.test(character))
    ),
    { maxLength: 12 }
  )

const name = (): FastCheck.Arbitrary<string> =>
  FastCheck.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,8}$/).filter(
    (one) => one !== "_" && one !== "PWD" && one !== "SHLVL"
  )

/** What users' login shells are, csh that of root until FreeBSD 13; and what a machine needs to have them. */
const shells = [
  ["/bin/sh", []],
  ["/bin/bash", []],
  ["busybox", ["busybox"]],
  ["/bin/csh", ["csh"]]
] as const

/** Runs a script as a login shell of some kind would, and gives the NUL-terminated texts that it wrote. */
const ran = (
  shell: string,
  script: string
): { readonly status: number | null; readonly texts: ReadonlyArray<string> } => {
  const args = shell === "busybox" ? ["sh", "-c"] : ["-c"]
  const { status, stdout } = spawnSync(shell, [...args, forAnyShell(script)], {
    encoding: "utf8",
    env: { PATH: "/usr/bin:/bin" }
  })
  return { status, texts: stdout.split("\0").slice(0, -1) }
}

describe("a command for a jail", () => {
  const reaches = (shell: string): void =>
    FastCheck.assert(
      FastCheck.property(
        FastCheck.array(text(), { maxLength: 4 }),
        FastCheck.uniqueArray(FastCheck.tuple(name(), text()), { maxLength: 4, selector: ([one]) => one }),
        text(),
        (args, variables, place) => {
          const cwd = `${scratch.path}/${Buffer.from(place).toString("hex")}/${place.replaceAll("/", "_")}`
          Fs.mkdirSync(cwd, { recursive: true })
          const real = Fs.realpathSync(cwd)
          const environment = variables.map(([one, value]) => ({ name: one, value }))
          const run = (...argv: ReadonlyArray<string>) => ran(shell, script({ argv, cwd, environment }))
          expect(run("/usr/bin/printf", "%s\\0", "first", ...args)).toEqual({ status: 254, texts: ["first", ...args] })
          expect(run("/usr/bin/env", "-0").texts).toEqual(
            expect.arrayContaining(variables.map(([one, value]) => `${one}=${value}`))
          )
          expect(run("/bin/sh", "-c", 'printf "%s\\0" "$(pwd -P; echo .)"').texts).toEqual([`${real}\n.`])
        }
      ),
      { numRuns: 40 }
    )

  for (const [shell, needs] of shells) {
    describeWith(needs, `through ${shell}`, () => {
      it("reaches its program as it is: arguments, variables and directory", () => reaches(shell))
    })
  }

  it("is found by its name, also where that looks like a variable or an option", () => {
    const directory = `${scratch.path}/programs`
    Fs.mkdirSync(directory)
    for (const program of ["a=b", "-x"]) {
      Fs.writeFileSync(`${directory}/${program}`, '#!/bin/sh\nprintf "%s\\0" "ran $1"\n', { mode: 0o755 })
      const environment = [{ name: "PATH", value: `${directory}:/bin` }]
      expect(ran("/bin/sh", script({ argv: [program, "it"], cwd: "/", environment }))).toEqual({
        status: 254,
        texts: ["ran it"]
      })
    }
  })

  it("is given to the shells of root and of the user in words of its own", () => {
    const words = execute("jail", "ann", command("echo 'x'", { cwd: "/it's" }))
    expect(words.slice(0, 3)).toEqual(["jail", "/bin/sh", "-c"])
    expect(words.slice(4, 7)).toEqual(["sh", "/it's", "ann"])
    expect(words[7]).toMatch(/^exec \/bin\/sh -c 'eval "\$\(printf %b "[A-Za-z0-9 _./:=,@+\\-]*"\)"'$/)
    expect(words).toHaveLength(8)
  })

  it("says how it ended, although su says 0 of a shell that was killed", () => {
    const statuses = (shell: string) =>
      ran("/bin/sh", script({ argv: ["/bin/sh", "-c", shell], cwd: "/", environment: [] })).status
    const outcome = (status: number | null) => outcomeOf({ _tag: "Exited", status: status ?? -1 })
    expect(outcome(statuses("exit 0"))).toBeUndefined()
    for (const status of [1, 2, 113, 127, 253, 255])
      expect(outcome(statuses(`exit ${status}`))).toEqual({ _tag: "Exit", status })
    expect(outcome(statuses("exit 254"))).toEqual({ _tag: "Exit", status: 255 })
    expect(outcome(statuses("kill -TERM $$"))).toEqual({ _tag: "Signal", signal: "SIGTERM" })
    expect(outcome(statuses("kill -KILL $$"))).toEqual({ _tag: "Signal", signal: "SIGKILL" })
    expect(outcome(0)).toEqual({ _tag: "Signal", signal: "SIGKILL" })
    expect(outcomeOf({ _tag: "Signaled", signal: 11 })).toEqual({ _tag: "Signal", signal: "SIGSEGV" })
  })

  it("has a jail with its own network or the host's", () => {
    const settings = { name: "n", path: "/p", hostname: "h", fstab: undefined, hasIfconfig: true } as const
    const common = ["-q", "-c", "name=n", "path=/p", "host.hostname=h", "persist", "mount.devfs"]
    expect(create({ ...settings, network: "none" })).toEqual([
      ...common,
      "vnet",
      "exec.start=/sbin/ifconfig lo0 inet 127.0.0.1/8 up"
    ])
    expect(create({ ...settings, network: "none", hasIfconfig: false })).toEqual([...common, "vnet"])
    expect(create({ ...settings, network: "host", fstab: "/f" })).toEqual([
      ...common,
      "mount.fstab=/f",
      "ip4=inherit",
      "ip6=inherit"
    ])
  })
})
