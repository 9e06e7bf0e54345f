/** The built program, run as users run it: as a process, on the real machine. */
import { type ChildProcess, spawn } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { expect } from "vitest"
import { builtProgram } from "../cli/built.ts"
import { scratchDirectory } from "../interpreters/host/scratch.ts"
import { LONGEST_MS } from "../until.ts"
import { leftBy } from "./leftovers.ts"

export interface Ended {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly pid: number
  /** What it has written to both outputs so far. */
  readonly output: () => string
  readonly kill: (signal: NodeJS.Signals) => void
  readonly isOver: () => boolean
  readonly ended: Promise<Ended>
}

export interface StartOptions {
  /** A program and its arguments that the command line is handed to, and that becomes the program: `nsenter …`. */
  readonly through?: ReadonlyArray<string>
  readonly environment?: Readonly<Record<string, string>>
  /** Milliseconds that it may take. */
  readonly deadline?: number
}

/** A built program with a directory for what a test file's builds need. */
export class Program {
  /** Scratch space: gone when the file's tests are done. Others than root may look into it. */
  readonly directory: string
  private readonly file: string

  constructor(name: string) {
    const home = builtProgram()
    this.directory = scratchDirectory(name).path
    this.file = Path.join(home, "bin/obuilder")
    Fs.chmodSync(this.directory, 0o755)
  }

  /** An absolute path in the scratch directory. */
  path(name: string): string {
    return Path.join(this.directory, name)
  }

  /** Writes a file below the scratch directory, and gives its path. */
  write(name: string, content: string | Uint8Array): string {
    const path = this.path(name)
    Fs.mkdirSync(Path.dirname(path), { recursive: true })
    Fs.writeFileSync(path, content)
    return path
  }

  /** The words that start it, for a shell's command line or for another program to run. */
  words(args: ReadonlyArray<string>): ReadonlyArray<string> {
    return [process.execPath, this.file, ...args]
  }

  start(args: ReadonlyArray<string>, { deadline, environment, through = [] }: StartOptions = {}): Running {
    const [file = "", ...words] = [...through, ...this.words(args)]
    return follow(
      spawn(file, words, {
        cwd: this.directory,
        env: { ...process.env, ...environment },
        stdio: ["ignore", "pipe", "pipe"]
      }),
      deadline
    )
  }

  run(args: ReadonlyArray<string>, options: StartOptions = {}): Promise<Ended> {
    return this.start(args, options).ended
  }

  /**
   * Runs it to a failure and checks what every failure has in common: nothing on
   * standard output, a message and no inside of the program on standard error,
   * and nothing left. Gives the message, fit for a snapshot.
   */
  async fails(status: number, args: ReadonlyArray<string>, options: StartOptions & { store?: string } = {}) {
    const running = this.start(args, options)
    const ended = await running.ended
    const message = this.message(ended.stderr)
    expect({ status: ended.status, stdout: ended.stdout }, ended.stderr).toEqual({ status, stdout: "" })
    expect(message).not.toBe("")
    expect(message).not.toMatch(/^\s+at |_tag|Cause|FiberFailure|internal error|undefined|\[object/m)
    expect(leftBy(running.pid, options.store)).toEqual([])
    return message
  }

  /** Runs `build -q`, which has to succeed, and gives the result's id. */
  async builds(args: ReadonlyArray<string>, options: StartOptions & { store?: string } = {}): Promise<string> {
    const running = this.start(["build", "-q", ...args], options)
    const { status, stderr, stdout } = await running.ended
    expect({ status, stdout }, stderr).toEqual({ status: 0, stdout: expect.stringMatching(/^[0-9a-f]{64}\n$/) })
    expect(leftBy(running.pid, options.store)).toEqual([])
    return stdout.trim()
  }

  /** Standard error without the lines of finished steps, and without what differs from one machine or run to the next. */
  message(stderr: string): string {
    return stderr
      .replaceAll(/^--->.*\n/gm, "")
      .replaceAll(this.directory, "DIR")
      .replaceAll(/\b[0-9a-f]{64}\b/g, "ID")
      .replaceAll(/\/\.?\d+-[0-9a-f]+\//g, "/OWN/")
  }
}

const follow = (child: ChildProcess, deadline = LONGEST_MS): Running => {
  const text = { stdout: "", stderr: "", both: "" }
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (chunk: string) => {
      text[name] += chunk
      text.both += chunk
    })
  }
  const timer = setTimeout(() => child.kill("SIGKILL"), deadline)
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject)
    child.once("close", (status, signal) => {
      clearTimeout(timer)
      resolve({ status, signal, stdout: text.stdout, stderr: text.stderr })
    })
  })
  return {
    pid: child.pid ?? 0,
    output: () => text.both,
    kill: (signal) => void child.kill(signal),
    isOver: () => child.exitCode !== null || child.signalCode !== null,
    ended
  }
}
