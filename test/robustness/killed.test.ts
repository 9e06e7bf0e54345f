/**
 * Builds that are killed (SIGKILL, no chance to clean up) at every line that
 * they print and in the middle of their steps, then built again.
 */
import { spawn, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import { beforeAll, expect, it } from "vitest"
import { builtProgram } from "../cli/built.ts"
import { scratchDirectory } from "../interpreters/host/scratch.ts"
import { writeBase } from "../reference/buildCases.ts"
import { processesWith } from "../processes.ts"
import { describeWith } from "../requirements.ts"

const scratch = scratchDirectory("killed")
/** A word that no other process's command line has. */
const MARK = `obuilder-mark-${process.pid}`

const spec = `
((build dev
  ((from rootfs:base)
   (shell /bin/sh -c)
   (run (cache (c (target /cache))) (shell "echo one > /one; echo dev >> /cache/log"))
   (run (shell "cat /one /one > /two"))))
 (build other ((from rootfs:base) (shell /bin/sh -c) (run (shell "echo other > /other"))))
 (from rootfs:base)
 (shell /bin/sh -c)
 (copy (src context) (dst /src/))
 (copy (from (build dev)) (src /two) (dst /from-dev))
 (copy (from (build other)) (src /other) (dst /from-other))
 (run (shell ": ${MARK}; n=0; while [ $n -lt 20000 ]; do n=$((n+1)); done; rm -r /src/d0; mv /from-dev /moved; echo done")))
`

interface Program {
  readonly command: string
  readonly store: string
}

const args = ({ store }: Program): ReadonlyArray<string> => [
  "build",
  `--store=overlayfs:${store}`,
  "--jobs=1",
  "-f",
  `${scratch.path}/spec`,
  scratch.path
]

/** Builds to the end; gives the id. */
const build = (program: Program): string => {
  const { status, stderr, stdout } = spawnSync(program.command, args(program), { encoding: "utf8" })
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
  return /Got: "(\w+)"/.exec(stdout)?.[1] ?? stdout
}

/** The content of a result, without times: those differ between two builds. */
const content = ({ command, store }: Program, id: string): string => {
  const text = `"${command}" export --store=overlayfs:"${store}" ${id} | tar tv --numeric-owner --full-time | sed -E 's/ [0-9]{4}-[0-9-]+ [0-9:.]+ / /'`
  const { stdout } = spawnSync("sh", ["-c", text], { encoding: "utf8", maxBuffer: 1 << 28 })
  expect(stdout.length).toBeGreaterThan(1000)
  return createHash("sha256").update(stdout).digest("hex")
}

const markedProcesses = () => processesWith((line) => line.includes(MARK))

const namesIn = (directory: string): ReadonlyArray<string> =>
  Fs.existsSync(directory) ? Fs.readdirSync(directory) : []

/** What results the store has, with what is known of each. */
const results = (store: string): ReadonlyMap<string, string> =>
  new Map(
    namesIn(`${store}/results`).map((id) => [id, Fs.readFileSync(`${store}/results/${id}/meta.json`, "utf8")] as const)
  )

/** Starts a build and kills it as soon as `when` says so; gives what it had printed, or undefined if it was done before. */
const killed = (program: Program, when: (printed: string) => boolean): Promise<string | undefined> =>
  new Promise((resolve) => {
    const child = spawn(program.command, [...args(program)], { stdio: ["ignore", "pipe", "ignore"] })
    let printed = ""
    const look = (): void => {
      if (when(printed)) child.kill("SIGKILL")
    }
    const timer = setInterval(look, 1)
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString()
      look()
    })
    child.on("close", (_code, signal) => {
      clearInterval(timer)
      dead.add(child.pid ?? 0)
      resolve(signal === "SIGKILL" ? printed : undefined)
    })
  })

/** The processes that were killed. */
const dead = new Set<number>()

const lines = (text: string): number => text.split("\n").length - 1

describeWith(["root", "runc", "overlay", "busybox"], "a build that is killed", () => {
  let command: string
  let expected: { readonly id: string; readonly content: string; readonly printed: number }

  beforeAll(() => {
    command = `${builtProgram()}/bin/obuilder`
    writeBase(`${scratch.path}/base`)
    for (let d = 0; d < 10; d++) {
      Fs.mkdirSync(`${scratch.path}/context/d${d}`, { recursive: true })
      for (let n = 0; n < 30; n++) Fs.writeFileSync(`${scratch.path}/context/d${d}/f${n}`, `${d} ${n}\n`.repeat(500))
    }
    Fs.writeFileSync(`${scratch.path}/spec`, spec)
    const whole = { command, store: `${scratch.path}/whole` }
    const { stdout } = spawnSync(command, [...args(whole)], { encoding: "utf8" })
    const id = /Got: "(\w+)"/.exec(stdout)?.[1] ?? ""
    expected = { id, content: content(whole, id), printed: lines(stdout) }
    expect(expected.printed).toBeGreaterThan(20)
  }, 120_000)

  /** Everything that must hold after a kill, once the next build is done. */
  const checkAfter = (program: Program): void => {
    const before = results(program.store)
    expect(build(program)).toBe(expected.id)
    expect(content(program, expected.id)).toBe(expected.content)
    const after = results(program.store)
    for (const [id, meta] of before) expect(after.get(id)).toBe(meta)
    expect(namesIn(`${program.store}/tmp`)).toEqual([])
    expect(markedProcesses()).toEqual([])
    // Directories there begin with their owner's number.
    const abandoned = ["/run/obuilder", "/dev/shm/obuilder"].flatMap((state) =>
      namesIn(state).filter((owner) => dead.has(Number(owner.split("-")[0])))
    )
    expect(abandoned).toEqual([])
    expect(Fs.readFileSync("/proc/self/mounts", "utf8")).not.toContain(program.store)
  }

  it("at any line that it prints is built again to the same result, and nothing is left", async () => {
    let kills = 0
    for (let line = 1; line < expected.printed; line++) {
      const program = { command, store: `${scratch.path}/line-${line}` }
      const printed = await killed(program, (text) => lines(text) >= line)
      if (printed === undefined) continue
      kills++
      checkAfter(program)
      Fs.rmSync(program.store, { recursive: true })
    }
    expect(kills).toBeGreaterThan(15)
  }, 300_000)

  const moments: Readonly<Record<string, (store: string) => boolean>> = {
    "while a base is unpacked": (store) =>
      namesIn(`${store}/tmp`).some((owner) => Fs.existsSync(`${store}/tmp/${owner}/1/fs/bin`)),
    "while files are copied": (store) =>
      namesIn(`${store}/tmp`).some((owner) =>
        namesIn(`${store}/tmp/${owner}`).some((n) => Fs.existsSync(`${store}/tmp/${owner}/${n}/fs/src/context/d1`))
      ),
    "while a command runs": () => markedProcesses().length > 0
  }
  it.each(Object.entries(moments))(
    "%s is built again to the same result, and nothing is left",
    async (name, moment) => {
      const program = { command, store: `${scratch.path}/${name.replaceAll(" ", "-")}` }
      expect(await killed(program, () => moment(program.store)), "it was killed").toBeDefined()
      checkAfter(program)
    }
  )

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143]
  ] as const)("with %s while a command runs ends with %i at once, and leaves nothing", async (signal, status) => {
    const program = { command, store: `${scratch.path}/${signal}` }
    const child = spawn(command, [...args(program)], { stdio: "ignore" })
    const code = await new Promise<number | null>((resolve) => {
      const timer = setInterval(() => {
        if (markedProcesses().length === 0) return
        clearInterval(timer)
        // As from a terminal and from a parent process, which both pass it on.
        child.kill(signal)
        child.kill(signal)
      }, 1)
      child.on("close", (ended) => {
        clearInterval(timer)
        resolve(ended)
      })
    })
    expect(code).toBe(status)
    expect(markedProcesses()).toEqual([])
    expect(namesIn(`${program.store}/tmp`)).toEqual([])
    checkAfter(program)
  })

  it("does not disturb another that builds the same at the same time", async () => {
    const program = { command, store: `${scratch.path}/shared` }
    const other = spawn(command, [...args(program)], { stdio: ["ignore", "pipe", "pipe"] })
    let printed = ""
    let errors = ""
    other.stdout.on("data", (chunk: Buffer) => (printed += chunk.toString()))
    other.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()))
    const ended = new Promise<number | null>((resolve) => other.on("close", resolve))
    await killed(program, (text) => lines(text) >= 8)
    expect({ status: await ended, errors }).toEqual({ status: 0, errors: "" })
    expect(printed).toContain(`Got: "${expected.id}"`)
    checkAfter(program)
  })
})
