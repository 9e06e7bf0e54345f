/** Builds in jails that are killed at any moment: the next one makes good, and nothing is left, on the stand-ins for FreeBSD's programs. */
import { spawn, spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import { fileURLToPath } from "node:url"
import { beforeAll, expect, it } from "vitest"
import { builtProgram } from "../cli/built.ts"
import { alive } from "../interpreters/sandbox/busybox.ts"
import { describeWith } from "../requirements.ts"
import { fillFreeBsd } from "../standins/image.ts"
import { forTests, mountsBelow } from "../standins/standIns.ts"

const PRETEND = fileURLToPath(new URL("../standins/pretend.cjs", import.meta.url))
const STATE = "/var/run/obuilder-jails"
const MARK = "killed-jails-step"

describeWith(["root", "busybox"], "a build in jails that is killed", () => {
  const standIns = forTests(["zfs", "jail", "jexec", "umount"])
  let program: ReadonlyArray<string> = []
  let pool = ""
  let expected = { id: "", lines: 0 }

  const dead = new Set<number>()
  const args = (store: string): ReadonlyArray<string> => [
    ...program,
    "build",
    `--store=zfs:tank/${store}`,
    "-f",
    `${standIns.path}/spec`,
    `${standIns.path}/context`
  ]
  const built = (store: string): string => {
    const { status, stderr, stdout } = spawnSync(process.execPath, args(store), { encoding: "utf8" })
    expect([status, stderr]).toEqual([0, ""])
    return stdout
  }
  const idIn = (output: string): string => /Got: "(\w+)"/.exec(output)?.[1] ?? ""

  beforeAll(() => {
    program = ["-r", PRETEND, `${builtProgram()}/bin/obuilder`]
    pool = standIns.pool("tank")
    fillFreeBsd(`${standIns.path}/base`)
    Fs.mkdirSync(`${standIns.path}/context`)
    Fs.writeFileSync(`${standIns.path}/context/file`, "content\n")
    const step = (text: string) =>
      `(run (cache (c (target /var/cache))) (shell "echo ${text}; sh -c 'sleep 0.1; true' ${MARK}; echo ${text} >> /out; echo ${text} done"))`
    Fs.writeFileSync(
      `${standIns.path}/spec`,
      `((from rootfs:${standIns.path}/base) (shell /bin/sh -c) ${step("one")} (copy (src file) (dst /)) ${step("two")})`
    )
    const output = built("whole")
    expected = { id: idIn(output), lines: output.split("\n").length - 1 }
    expect(expected.lines).toBeGreaterThan(9)
  }, 120_000)

  /** Kills a build when it has printed so many lines. */
  const killed = (store: string, lines: number): Promise<void> =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, args(store), { stdio: ["ignore", "pipe", "ignore"] })
      let text = ""
      child.stdout.on("data", (chunk: Buffer) => {
        text += chunk.toString()
        if (text.split("\n").length > lines) child.kill("SIGKILL")
      })
      child.once("close", () => {
        if (child.pid !== undefined) dead.add(child.pid)
        resolve()
      })
    })

  it("is built again to the same result, and no process, jail, mount or dataset is left", async () => {
    for (let line = 1; line < expected.lines; line += 2) {
      const store = `line-${line}`
      await killed(store, line)
      expect(idIn(built(store))).toBe(expected.id)
      expect(alive(MARK)).toBe(0)
      expect(mountsBelow(`${pool}/${store}`)).toEqual([])
      expect(Fs.readdirSync(`${standIns.path}/state/jails`)).toEqual([])
      const owners = Fs.readdirSync(STATE).map((name) => Number(name.split("-")[0]))
      expect(owners.filter((owner) => dead.has(owner))).toEqual([])
      // Of four results and a cache, and the one that they are in.
      const { stdout } = standIns.run("zfs", "list", "-H", "-r", "-o", "name", `tank/${store}/trees`)
      expect(stdout.trim().split("\n")).toHaveLength(6)
      expect(standIns.run("zfs", "destroy", "-r", `tank/${store}`)).toMatchObject({ status: 0 })
    }
  }, 120_000)
})
