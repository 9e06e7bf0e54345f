/** Several processes that build the same at the same time, on one store. */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync } from "node:fs"
import { beforeAll, expect, it } from "vitest"
import { describeWith } from "../requirements.ts"
import { makeBase } from "./busybox.ts"
import { leftBy, temporaryIn } from "./leftovers.ts"
import { until } from "../until.ts"
import { Program } from "./program.ts"
import { placeFor, storeKinds } from "./stores.ts"

/** Milliseconds in which builds and deletions go on beside each other. */
const STORM_MS = 6_000

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

const prepare = () => {
  if (existsSync(at("base"))) return
  makeBase(at("base"))
  program.write("source/file", "content\n")
  execFileSync("tar", ["-cf", at("base.tar"), "-C", at("base"), "."])
}

/** What was printed, without the difference between making a result and finding it. */
const alike = (stdout: string): string =>
  stdout.replaceAll(/---> (?:saved as|using) ("\w+")(?: from cache)?/g, "---> $1")

for (const kind of storeKinds) {
  describeWith(["root", "runc", "busybox", ...kind.needs], `on ${kind.name}, builds at the same time`, () => {
    const place = placeFor(kind, at(kind.name.replaceAll(" ", "-")))
    const storeOf = (name: string): string => `${place.path}/${name}`
    const words = (store: string, file: string) => ["build", ...kind.words(storeOf(store)), "-f", file, at("source")]
    beforeAll(() => {
      mkdirSync(place.path, { recursive: true })
      prepare()
    })

    it("execute each step once; those that wait see its log, and come to the same", async () => {
      const file = spec("same.spec", "dd if=/dev/zero of=/f bs=1M count=100 2>/dev/null; rm /f")
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
      for (const { pid } of builds) expect(leftBy(pid, storeOf("same"))).toEqual([])
      expect(temporaryIn(storeOf("same"))).toEqual([])
    })

    it("of specs that overlap execute what they share once", async () => {
      // Each step leaves a line, in a cache that nobody else has at that moment.
      const step = (name: string) =>
        `(run (cache (${name} (target /c))) (shell "echo ${name} >> /c/runs; cat /c/runs; sleep 0.2"))`
      const file = (name: string, ...steps: ReadonlyArray<string>) =>
        program.write(name, `((from rootfs:${at("base.tar")}) (shell /bin/sh -c)\n${steps.map(step).join("\n")})`)
      const files = [
        file("one.spec", "a", "b", "c1", "d1"),
        file("two.spec", "a", "b", "c2", "d2"),
        file("three.spec", "a", "b", "c1")
      ]
      const builds = files.map((one) => program.start(words("overlap", one)))
      const outputs = await Promise.all(builds.map((one) => one.ended))
      for (const { status, stderr } of outputs) expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
      for (const { stdout } of outputs) {
        expect(stdout).toContain("\na\n--->")
        // A step that ran twice would have found its own line.
        for (const name of ["a", "b", "c1", "c2", "d1", "d2"]) expect(stdout).not.toContain(`\n${name}\n${name}\n`)
      }
      expect(temporaryIn(storeOf("overlap"))).toEqual([])
    })

    it("succeed while others delete all that they can", async () => {
      const made = program.write(
        "storm.spec",
        `((build dev ((from rootfs:${at("base")}) (shell /bin/sh -c) (run (shell "echo dev > /dev.txt"))))
          (from rootfs:${at("base.tar")}) (shell /bin/sh -c) (run (shell "echo 1 > /one"))
          (copy (from (build dev)) (src /dev.txt) (dst /)) (run (shell "cat /one /dev.txt > /all")))`
      )
      const end = Date.now() + STORM_MS
      const failures: Array<string> = []
      const over = async (args: ReadonlyArray<string>, pause: number): Promise<number> => {
        let times = 0
        while (Date.now() < end) {
          const { status, stderr, stdout } = await program.run(args)
          times++
          if (status !== 0) failures.push(`${args[0] ?? ""}: ${status ?? "killed"}: ${stderr}${stdout}`)
          await new Promise((resolve) => setTimeout(resolve, pause))
        }
        return times
      }
      const store = kind.words(storeOf("storm")).filter((word) => word.startsWith("--store"))
      const times = await Promise.all([
        over(words("storm", made), 0),
        over(words("storm", made), 0),
        over(["clean", "-q", ...store], 30),
        over(["prune", "-q", "--max-items=2", ...store], 50),
        over(["fsck", ...store], 100)
      ])
      expect(failures).toEqual([])
      expect(Math.min(...times)).toBeGreaterThan(0)
      expect(temporaryIn(storeOf("storm"))).toEqual([])
    }, 60_000)
  })
}

describeWith(["root", "runc", "overlay", "busybox"], "a build that waits for another process", () => {
  beforeAll(prepare)
  const words = (store: string, file: string) => ["build", `--store=overlayfs:${at(store)}`, "-f", file, at("source")]

  it("goes on by itself when that is killed", async () => {
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
