import { type SpawnSyncReturns, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { describe, expect, it } from "vitest"
import { processesWith } from "../processes.ts"
import { describeWith } from "../requirements.ts"
import { builtProgram } from "./built.ts"
import { temporaryDirectory, writeFiles } from "./commandLine.ts"

const home = builtProgram()
const program = Path.join(home, "bin/obuilder")

/** With a wait that no run ever needs, so that a hang is a failure. */
const run = (file: string, words: ReadonlyArray<string>, environment = {}): SpawnSyncReturns<string> =>
  spawnSync(file, words, { encoding: "utf8", timeout: 30_000, env: { ...process.env, ...environment } })

const shell = (script: string): SpawnSyncReturns<string> => run("bash", ["-c", script, "bash", program])

describe("the built program", () => {
  it("starts through a link, as npm makes one", () => {
    const link = Path.join(temporaryDirectory(), "obuilder")
    Fs.symlinkSync(program, link)
    const { version } = JSON.parse(Fs.readFileSync("package.json", "utf8"))
    expect(run(link, ["--version"])).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: "" })
  })

  it("takes the code cache that its build made", () => {
    const check = `
      const source = require("fs").readFileSync(process.argv[1] + ".cjs", "latin1")
      const cachedData = require("fs").readFileSync(process.argv[1] + ".cache")
      console.log(new (require("vm").Script)(source, { cachedData }).cachedDataRejected)`
    expect(run(process.execPath, ["-e", check, Path.join(home, "dist/obuilder")]).stdout).toBe("false\n")
  })

  it("starts without a code cache, and with one that is damaged", () => {
    const other = temporaryDirectory()
    Fs.cpSync(home, other, { recursive: true, verbatimSymlinks: true })
    const cache = Path.join(other, "dist/obuilder.cache")
    Fs.writeFileSync(cache, "damaged")
    expect(run(Path.join(other, "bin/obuilder"), ["--help"]).status).toBe(0)
    Fs.rmSync(cache)
    expect(run(Path.join(other, "bin/obuilder"), ["--help"]).status).toBe(0)
  })

  it("says how to build it where it is not built", () => {
    const other = temporaryDirectory()
    Fs.cpSync(Path.join(home, "bin"), Path.join(other, "bin"), { recursive: true })
    const { status, stderr } = run(Path.join(other, "bin/obuilder"), ["--help"])
    expect(stderr).toBe(
      `obuilder: is not built: ${other}/dist/obuilder.cjs is missing\n  Run "npm ci && npm run build" in ${other}.\n`
    )
    expect(status).toBe(3)
  })

  it("prints help without colours on a pipe", () => {
    const { status, stderr, stdout } = run(program, ["build", "--help"])
    expect(stdout).toContain("Usage: obuilder build")
    expect(stdout + stderr).not.toContain("\u001b")
    expect(status).toBe(0)
  })

  it("says errors once, on standard error", () => {
    const { status, stderr, stdout } = run(program, ["delete", "--force"])
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" })
    expect(stderr.match(/--force/g)?.length).toBe(1)
  })

  it("ends quietly when its output's reader leaves", () => {
    expect(shell('"$1" --help | true; echo "${PIPESTATUS[0]}"')).toMatchObject({ stdout: "0\n", stderr: "" })
  })

  it("says what it could not write", () => {
    expect(shell('"$1" --help > /dev/full')).toMatchObject({
      status: 3,
      stderr: "obuilder: cannot write standard output: the disk is full\n"
    })
  })

  it("waits for a slow reader without losing anything", () => {
    const { stdout } = shell('mkfifo_output() { "$1" --completions=bash; }; mkfifo_output "$1" | (read -r first; cat)')
    const whole = run(program, ["--completions=bash"]).stdout
    expect(stdout).toBe(whole.slice(whole.indexOf("\n") + 1))
  })

  it("can be interrupted while it waits for its input", async () => {
    const child = spawn(program, ["build", "-f", "-", "."], { stdio: ["pipe", "ignore", "ignore"] })
    // More than a pipe holds: when all of it is gone, the program is reading, and so listening to signals.
    await new Promise<void>((done) => child.stdin.write(Buffer.alloc(1 << 20, " "), () => done()))
    child.kill("SIGINT")
    expect(await once(child, "exit")).toEqual([130, null])
  })

  it("prints scripts that its shells accept", () => {
    for (const name of ["bash", "zsh", "fish"])
      expect(run(program, ["--completions", name]).stdout).toMatchSnapshot(name)
    expect(shell('bash -n <("$1" --completions=bash)')).toMatchObject({ status: 0, stderr: "" })
  })

  it("completes commands, flags and values in bash", () => {
    const complete = (...words: ReadonlyArray<string>): ReadonlyArray<string> => {
      const script = `
        source <("$1" --completions=bash)
        COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}) COMP_CWORD=${words.length - 1}
        _obuilder
        printf '%s\\n' "\${COMPREPLY[@]}"`
      return shell(script).stdout.trim().split("\n")
    }
    expect(complete("obuilder", "")).toEqual(expect.arrayContaining(["build", "export", "healthcheck", "log", "help"]))
    expect(complete("obuilder", "b")).toEqual(["build"])
    expect(complete("obuilder", "help", "l")).toEqual(["log", "ls"])
    expect(complete("obuilder", "build", "--dr")).toEqual(["--dry-run"])
    expect(complete("obuilder", "log", "--dr")).toEqual([""])
    expect(complete("obuilder", "-q", "build", "--format", "")).toEqual(["text", "json", "mermaid"])
    expect(complete("obuilder", "export", "--format", "=", "t")).toEqual(["tar"])
    expect(complete("obuilder", "build", "-f", "")).toEqual([""])
    expect(complete("obuilder", "build", "-f", "s", "")).toEqual([""])
  })
})

describeWith(["root", "runc", "overlay", "busybox"], "the built program, building", () => {
  const directory = temporaryDirectory()
  writeFiles(directory, {
    "base/etc/motd": "hello\n",
    "src/file": "content\n",
    "sleep.spec": '((from rootfs:../base) (shell /bin/sh -c) (run (shell "echo started; sleep 1000")))',
    "echo.spec": '((from rootfs:../base) (shell /bin/sh -c) (run (shell "echo hello")))'
  })
  Fs.mkdirSync(Path.join(directory, "base/bin"))
  const busybox = spawnSync("sh", ["-c", "command -v busybox"], { encoding: "utf8" }).stdout.trim()
  Fs.copyFileSync(busybox, Path.join(directory, "base/bin/busybox"))
  for (const applet of ["sh", "sleep", "echo"]) Fs.symlinkSync("busybox", Path.join(directory, "base/bin", applet))

  const words = (spec: string) => [
    "build",
    `--store=overlayfs:${Path.join(directory, "store")}`,
    "-f",
    Path.join(directory, spec),
    Path.join(directory, "src")
  ]

  it("builds, and finds everything cached the second time", () => {
    const first = run(program, words("echo.spec"))
    expect(first).toMatchObject({ status: 0, stderr: "" })
    const second = run(program, words("echo.spec"))
    expect(second.stdout).toBe(first.stdout.replaceAll(/---> saved as (".*")/g, "---> using $1 from cache"))
    const id = /Got: "(.*)"/.exec(first.stdout)?.[1] ?? ""
    expect(run(program, ["log", id.slice(0, 12), words("")[1] ?? ""]).stdout).toBe("hello\n")
  })

  it("exports the same to a file and to a slow reader, and says when it cannot", () => {
    const id = run(program, [...words("echo.spec"), "-q"]).stdout.trim()
    const [, store = ""] = words("")
    const file = Path.join(directory, "out.tar")
    expect(run(program, ["export", id, store, "-o", file])).toMatchObject({ status: 0, stdout: "", stderr: "" })
    const slow = shell(`"$1" export ${id} ${store} | (head -c 1; cat) | cmp - ${file}; echo "\${PIPESTATUS[*]}"`)
    expect(slow).toMatchObject({ stdout: "0 0 0\n", stderr: "" })
    const full = run(program, ["export", id, store, "-o", "/dev/full"])
    expect(full).toMatchObject({ status: 3, stderr: 'obuilder: cannot write "/dev/full": the disk is full\n' })
    expect(Fs.readdirSync(directory).filter((name) => name.includes("tmp"))).toEqual([])
  })

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129]
  ] as const)("ends its step and itself at %s", async (signal, status) => {
    const child = spawn(program, words("sleep.spec"), { stdio: ["ignore", "pipe", "pipe"] })
    let output = ""
    child.stderr.on("data", (chunk) => (output += chunk))
    await new Promise<void>((started) => {
      child.stdout.on("data", (chunk) => (output += chunk).includes("\nstarted\n") && started())
      child.once("exit", () => started())
    })
    child.kill(signal)
    const [code] = await once(child, "exit")
    expect({ code, output }).toMatchObject({ code: status, output: expect.not.stringMatching(/rror/) })
    expect(processesWith((line) => line.includes("sleep\u00001000"))).toEqual([])
  })

  it("needs no root for a dry run", () => {
    const dry = [...words("echo.spec"), "--dry-run", "--format=json"]
    Fs.chmodSync(directory, 0o755)
    Fs.chmodSync(home, 0o755)
    const { status, stdout } = run("setpriv", [
      "--reuid=65534",
      "--regid=65534",
      "--clear-groups",
      process.execPath,
      program,
      ...dry
    ])
    expect(status).toBe(0)
    expect(JSON.parse(stdout).result).toBe(JSON.parse(run(program, dry).stdout).result)
  })

  it("passes its own healthcheck", () => {
    const store = `--store=overlayfs:${Path.join(directory, "fresh")}`
    const expected = "store: ok\nsandbox: ok\nbuild: ok\nHealthcheck passed\n"
    for (const _ of [1, 2]) {
      expect(run(program, ["healthcheck", store])).toMatchObject({ status: 0, stdout: expected, stderr: "" })
    }
  })

  it("says in healthcheck what is missing, and how to get it", () => {
    const { status, stdout } = run(program, ["healthcheck", words("")[1] ?? "", "--runtime=/nowhere/runc"])
    expect(stdout).toMatch(/^store: ok\nsandbox: .*\/nowhere\/runc.*\n {2}.*\nbuild: /)
    expect(status).toBe(3)
  })
})
