/** Several processes that build the same at the same time, on one store. */
import { execFileSync } from "node:child_process"
import { beforeAll, expect, it } from "vitest"
import { describeWith } from "../requirements.ts"
import { makeBase } from "./busybox.ts"
import { leftBy, temporaryIn } from "./leftovers.ts"
import { Program, until } from "./program.ts"

const program = new Program("together")
const at = (name: string): string => program.path(name)

/** Its log says something that its heading does not; a cache counts how often it ran. */
const spec = (name: string, gate: string) =>
  program.write(
    name,
    `((from rootfs:${at("base.tar")}) (shell /bin/sh -c)
      (run (cache (count (target /c)) (gate (target /gate))) (shell "echo beg''un; echo x >> /c/runs; ${gate}; echo done"))
      (run (cache (count (target /c))) (shell "cat /c/runs")))`
  )

const words = (store: string, file: string) => ["build", `--store=overlayfs:${at(store)}`, "-f", file, at("source")]

/** What was printed, without the difference between making a result and finding it. */
const alike = (stdout: string): string =>
  stdout.replaceAll(/---> (?:saved as|using) ("\w+")(?: from cache)?/g, "---> $1")

describeWith(["root", "runc", "overlay", "busybox"], "builds at the same time", () => {
  beforeAll(() => {
    makeBase(at("base"))
    program.write("source/file", "content\n")
    execFileSync("tar", ["-cf", at("base.tar"), "-C", at("base"), "."])
  })

  it("execute each step once; those that wait see its log, and come to the same", async () => {
    const file = spec("same.spec", "dd if=/dev/zero of=/f bs=1M count=200 2>/dev/null; rm /f")
    const builds = [1, 2, 3, 4].map(() => program.start(words("same", file)))
    const ended = await Promise.all(builds.map((one) => one.ended))
    for (const { status, stderr } of ended) expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
    const [first = "", ...others] = ended.map(({ stdout }) => alike(stdout))
    expect(first).toContain("begun\ndone\n")
    // The step ran once.
    expect(first).toMatch(/cat \/c\/runs"\)\)\nx\n--->/)
    for (const other of others) expect(other).toBe(first)
    // Each of the three results was said to be saved by at least one, and by all who followed.
    expect(ended.some(({ stdout }) => stdout.split("saved as").length === 4)).toBe(true)
    for (const { pid } of builds) expect(leftBy(pid, at("same"))).toEqual([])
    expect(temporaryIn(at("same"))).toEqual([])
  })

  it("that wait for one that is killed go on by themselves", async () => {
    const file = spec("killed.spec", "while [ ! -e /gate/open ]; do touch /gate/open; sleep 2; done")
    const first = program.start(words("killed", file))
    await until("the step has begun", () => first.output().includes("begun"))
    const second = program.start(words("killed", file))
    await until("its log is followed", () => second.output().includes("begun"))
    first.kill("SIGKILL")
    await first.ended
    const { status, stderr, stdout } = await second.ended
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
    // What was seen of the first one's log, and then all of its own.
    expect(stdout).toMatch(/sleep 2; done; echo done"\)\)\nbegun\nbegun\ndone\n--->/)
    expect(leftBy(first.pid, at("killed"))).toEqual([])
  })
})
